// A node with rclnodejs that only spins, with its default and two subscriptions like the agent's.
import { say } from './connect.mjs';
import { QOS, rosType, startNode } from './ros.mjs';

const node = await startNode('bench_idle');
for (const [topic, type] of [
  ['/bench/level', 'float'],
  ['/bench/alarm', 'bool'],
]) {
  node.createSubscription(rosType(type), topic, { qos: QOS }, () => {});
}
say('connected');
