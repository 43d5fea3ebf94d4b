// A usual rclnodejs program: twenty subscriptions that deliver objects, which it ignores.
import { say } from './connect.mjs';
import { QOS, rosType, startNode } from './ros.mjs';

const node = await startNode('bench_twenty');
for (let n = 0; n < 20; n += 1) node.createSubscription(rosType('float'), `/crowd/c${n}`, { qos: QOS }, () => {});
say('connected');
