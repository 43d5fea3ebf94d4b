// The witness: an MQTT subscriber that records the time of each arrival and parses payloads only on demand.
// subscriber.mjs CHANNEL TOPIC...; `count ID` and `dump ID FILE` on standard input; prints `first` at the first reading.
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { inflateSync } from 'node:zlib';
import { connect, monotonicNs, say } from './connect.mjs';

const [channel = '', ...topics] = process.argv.slice(2);
const client = await connect(`bench-subscriber-${process.pid}`);
/** @type {[number, Buffer][]} */
let arrived = [];
/** Row number, value, nanoseconds. @type {[number, number, number][]} */
const rows = [];
let said = false;
client.on('message', (_topic, payload) => {
  arrived.push([monotonicNs(), payload]);
  if (said) return;
  parse();
  if (rows.length === 0) return;
  said = true;
  say('first', { ns: rows[0]?.[2] });
});
await client.subscribeAsync(topics, { qos: 1 });

function parse() {
  for (const [ns, payload] of arrived) {
    const text = payload[0] === 0x7b ? payload : inflateSync(payload);
    for (const [seq, , name, value] of JSON.parse(text.toString()).readings ?? []) {
      if (name === channel) rows.push([seq, Number(value), ns]);
    }
  }
  arrived = [];
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const [order, id, file] = line.split(' ');
  parse();
  if (order === 'dump') writeFileSync(file ?? '', JSON.stringify(rows));
  say(order ?? '', { id: Number(id), count: rows.length });
});
say('connected');
