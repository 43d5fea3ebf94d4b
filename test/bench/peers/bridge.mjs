// A usual bridge from rclnodejs to MQTT.js: it publishes each message at once and stores nothing.
// bridge.mjs ROS_TOPIC bool|float CHANNEL MQTT_TOPIC
import { connect, say } from './connect.mjs';
import { QOS, rosType, startNode } from './ros.mjs';

const [topic = '', type = '', channel = '', mqttTopic = ''] = process.argv.slice(2);
const client = await connect('bench-rclnodejs');
const node = await startNode('bench_bridge');
let seq = 0;
node.createSubscription(rosType(type), topic, { qos: QOS }, (message) => {
  seq += 1;
  const now = Date.now();
  const readings = [[seq, now, channel, message.data]];
  const body = JSON.stringify({ thing: 'elderly-bot', kind: 'telemetry', sent_at: now, [channel]: message.data, readings });
  client.publish(mqttTopic, body, { qos: 1 });
});
say('connected');
