// Plays the cloud in a bench of commands: it publishes `level` with a rising number at a steady rate, and records the nanoseconds of each
// publish and the status of each result. sendCommands.mjs RATE COUNT FILE prints `done` when all are published and `answered` after the
// order `results ID`. It ends with its standard input.
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect, monotonicNs, say } from './connect.mjs';

const [rate, count] = process.argv.slice(2, 4).map(Number);
const file = process.argv[4] ?? '';
const client = await connect('bench-commands');
/** @type {Record<string, number>} */
const statuses = {};
client.on('message', (_topic, payload) => {
  const { status, reason } = JSON.parse(payload.toString());
  const name = reason ?? status;
  statuses[name] = (statuses[name] ?? 0) + 1;
});
await client.subscribeAsync('elderly_bot/results', { qos: 1 });
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line.startsWith('results')) say('answered', { id: Number(line.split(' ')[1]), statuses });
});
say('connected');
const stamps = new Float64Array(count ?? 0);
const began = performance.now();
for (let n = 0; n < stamps.length; n += 1) {
  const ahead = began + (n * 1000) / (rate ?? 1) - performance.now();
  if (ahead > 1) await new Promise((resolve) => setTimeout(resolve, ahead));
  const now = Date.now();
  const command = { id: `bench-${n}`, thing: 'elderly-bot', command: 'level', value: n, issued_at: now, expires_at: now + 30_000 };
  stamps[n] = monotonicNs();
  client.publish('elderly_bot/commands', JSON.stringify(command), { qos: 1 });
}
writeFileSync(file, stamps);
say('done', { count, rate: (1000 * stamps.length) / (performance.now() - began) });
