// The demo's broker: aedes in a process of its own, with mutual TLS. It speaks MQTT 3.1.1 only, so the agent and the cloud show
// their fallback. No root, nothing to install.
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { Aedes } from 'aedes';

const [ca = '', cert = '', key = ''] = process.argv.slice(2);

const broker = await Aedes.createBroker();
const server = createServer(
  { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key), requestCert: true, rejectUnauthorized: true },
  (socket) => broker.handle(socket),
);
server.on('tlsClientError', () => {});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ event: 'ready', port: (server.address() as AddressInfo).port })}\n`);
});
process.on('SIGTERM', () => process.exit(0)).on('SIGINT', () => {});
