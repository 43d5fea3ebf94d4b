// A usual bridge from MQTT.js to rclnodejs: it publishes each command at once, without checks, records or answers.
// commandBridge.mjs ROS_TOPIC
import { connect, say } from './connect.mjs';
import { QOS, rosType, startNode } from './ros.mjs';

const [topic = ''] = process.argv.slice(2);
const client = await connect('bench-command-bridge');
const node = await startNode('bench_command_bridge');
const publisher = node.createPublisher(rosType('float'), topic, { qos: QOS });
client.on('message', (_topic, payload) => publisher.publish({ data: JSON.parse(payload.toString()).value }));
await client.subscribeAsync('elderly_bot/commands', { qos: 1 });
say('connected');
