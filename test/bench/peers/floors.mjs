// Measures single parts: `floors.mjs fsync RATE COUNT FILE`, `floors.mjs puback RATE COUNT` and `floors.mjs flood WINDOW COUNT`. It prints
// one line with the sorted microseconds, or with the rate and the bytes on the wire.
import { execFileSync } from 'node:child_process';
import { fdatasyncSync, openSync, writeSync } from 'node:fs';
import { connect, say } from './connect.mjs';

const [part = '', first = '', second = '', file = ''] = process.argv.slice(2);
const count = Number(second);

/** @param {number} perSecond @param {(n: number) => Promise<void> | void} work */
async function paced(perSecond, work) {
  const began = performance.now();
  for (let n = 0; n < count; n += 1) {
    const ahead = began + (n * 1000) / perSecond - performance.now();
    if (ahead > 0) await new Promise((resolve) => setTimeout(resolve, ahead));
    await work(n);
  }
}

/** The message of a bridge that sends one reading per message. @param {number} n */
function body(n) {
  const now = Date.now();
  const readings = [[n + 1, now, 'level', n]];
  return JSON.stringify({ thing: 'elderly-bot', kind: 'telemetry', sent_at: now, level: n, readings });
}

/** @type {number[]} */
const us = [];
if (part === 'fsync') {
  const descriptor = openSync(file, 'w');
  const page = Buffer.alloc(4096, 7);
  await paced(Number(first), () => {
    const began = process.hrtime.bigint();
    writeSync(descriptor, page);
    fdatasyncSync(descriptor);
    us.push(Number(process.hrtime.bigint() - began) / 1000);
  });
  say('floor', { us });
} else if (part === 'puback') {
  const client = await connect('bench-floor');
  await paced(Number(first), async (n) => {
    const began = process.hrtime.bigint();
    await client.publishAsync('elderly_bot/floor', body(n), { qos: 1 });
    us.push(Number(process.hrtime.bigint() - began) / 1000);
  });
  await client.endAsync();
  say('floor', { us });
} else {
  const client = await connect('bench-flood');
  const began = performance.now();
  await flood(client, Number(first));
  const seconds = (performance.now() - began) / 1000;
  const sockets = execFileSync('ss', ['-tinpH'], { encoding: 'utf8' }).split(/\n(?=\S)/);
  const mine = sockets.find((socket) => socket.includes(`pid=${process.pid},`));
  await client.endAsync();
  say('floor', { perSecond: count / seconds, wireBytes: Number(/bytes_sent:(\d+)/.exec(mine ?? '')?.[1] ?? Number.NaN) });
}

/** @param {import('mqtt').MqttClient} client @param {number} window @returns {Promise<void>} */
function flood(client, window) {
  let sent = 0;
  let acked = 0;
  return new Promise((resolve) => {
    const next = () => {
      while (sent < count && sent - acked < window) {
        client.publish('elderly_bot/flood', body(sent), { qos: 1 }, () => {
          acked += 1;
          if (acked === count) resolve();
          else next();
        });
        sent += 1;
      }
    };
    next();
  });
}
