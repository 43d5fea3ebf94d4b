// Records when each Float64 arrives in Node.js, by a raw subscription of rclnodejs (CDR: 4 bytes, then the value).
// listen.mjs ROS_TOPIC; `dump ID FILE` on standard input writes the arrivals.
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { monotonicNs, say } from './connect.mjs';
import { QOS, rosType, startNode } from './ros.mjs';

const [topic = ''] = process.argv.slice(2);
const node = await startNode('bench_listen');
/** @type {[number, number, number][]} */
const rows = [];
node.createSubscription(rosType('float'), topic, { qos: QOS, isRaw: true }, (bytes) => {
  const ns = monotonicNs();
  rows.push([rows.length + 1, bytes.readDoubleLE(4), ns]);
});
createInterface({ input: process.stdin }).on('line', (line) => {
  const [order, id, file] = line.split(' ');
  if (order === 'dump') writeFileSync(file ?? '', JSON.stringify(rows));
  say(order ?? '', { id: Number(id), count: rows.length });
});
say('connected');
