// Node and rclnodejs, spinning as by default over six subscriptions, and nothing else.
import { say } from './connect.mjs';
import { QOS, rosType, startNode } from './ros.mjs';

const node = await startNode('bench_idle');
for (let n = 0; n < 6; n += 1) node.createSubscription(rosType('bool'), `/bench/idle_${n}`, { qos: QOS }, () => {});
say('connected');
