// A usual program for pictures of alerts: it keeps the newest raw picture, and encodes and uploads it to a prepared URL when the alert is
// true. It stores nothing, asks no cloud and never retries. picture.mjs CAMERA_TOPIC ALERT_TOPIC FILE_OF_URLS
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { say } from './connect.mjs';
import { QOS, startNode } from './ros.mjs';

const [camera = '', alert = '', file = ''] = process.argv.slice(2);
const urls = readFileSync(file, 'utf8').split('\n');
const node = await startNode('bench_picture');
/** @type {{ width: number, height: number, data: Uint8Array } | undefined} */
let newest;
node.createSubscription('sensor_msgs/msg/Image', camera, { qos: QOS }, (message) => {
  newest = message;
});
node.createSubscription('std_msgs/msg/Bool', alert, { qos: QOS }, async ({ data }) => {
  if (!data || !newest) return;
  const { width, height, data: pixels } = newest;
  const body = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 75 })
    .toBuffer();
  await fetch(urls.shift() ?? '', { method: 'PUT', body });
});
say('connected');
