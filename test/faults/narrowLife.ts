// A robot on a narrow link, for the campaign narrow: narrowLife.ts FOLDER API CERT KEY HOST PORT PICTURES MS. Each second a message of
// an alert's size goes to an echo, beside so many pictures that wait for their upload; prints how long each took there and back, and how
// many pictures were through at the end.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { UploadRobot } from './uploadRobot.ts';

const EVERY_MS = 1_000;
const ALERT_BYTES = 600;
const PICTURE_BYTES = 20_000;
const [folder = '', api = '', cert = '', key = '', host = '', port = '0', pictures = '0', ms = '0'] = process.argv.slice(2);

const credentials = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
const robot = new UploadRobot({ folder, thing: 'elderly-bot', cloud: { origin: api }, credentials });
for (let n = 0; n < Number(pictures); n++) await robot.keep(randomBytes(PICTURE_BYTES));

const socket = connect(Number(port), host).setNoDelay(true);
const sentMs: number[] = [];
const tookMs: number[] = [];
let received = 0;
socket.on('data', (part) => {
  received += part.length;
  while (received >= (tookMs.length + 1) * ALERT_BYTES) tookMs.push(Math.round(performance.now() - (sentMs[tookMs.length] ?? 0)));
});
for (const endMs = performance.now() + Number(ms); performance.now() < endMs; ) {
  sentMs.push(performance.now());
  socket.write(Buffer.alloc(ALERT_BYTES, 'a'));
  await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
}
process.stdout.write(`${JSON.stringify({ tookMs, sent: sentMs.length, through: Number(pictures) - robot.waiting })}\n`, () =>
  process.exit(0),
);
