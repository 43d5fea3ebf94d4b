// The lowest cost of a camera in Node.js: one raw subscription of rclnodejs that ignores the pictures. rawCamera.mjs ROS_TOPIC
import { say } from './connect.mjs';
import { QOS, startNode } from './ros.mjs';

const [topic = ''] = process.argv.slice(2);
const node = await startNode('bench_raw_camera');
node.createSubscription('sensor_msgs/msg/Image', topic, { qos: QOS, isRaw: true }, () => {});
say('connected');
