// The broker of the demo and of `npm run cloud`: aedes in a process of its own, with mutual TLS and the rights of the IoT policies by
// the name in the certificate. It speaks MQTT 3.1.1 only, so the agent and the cloud show their fallback. No root, nothing to install.
// Arguments: CA, certificate, key, the robot's name, and a port (none: any that is free).
import { readFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, TLSSocket } from 'node:tls';
import { Aedes, type Client } from 'aedes';
import { CLOUD_RIGHTS, type Rights, ROBOT_RIGHTS, topicsOf } from '../src/wire/index.ts';

const [ca = '', cert = '', key = '', thing = '', port = '0'] = process.argv.slice(2);
const TOPICS = topicsOf('elderly_bot');
const RIGHTS: Readonly<Record<string, Rights>> = { [thing]: ROBOT_RIGHTS, 'elderly-bot-cloud': CLOUD_RIGHTS };

/** Taken when a client connects: a connection that is cut no longer says whose it was, and its last will is still to be judged. */
const names = new WeakMap<Client, string>();

function may(client: Client | null, what: keyof Rights, topic: string): boolean {
  const name = client ? names.get(client) : undefined;
  return RIGHTS[name ?? '']?.[what].some((room) => TOPICS[room] === topic) ?? false;
}

const broker = await Aedes.createBroker({
  authenticate: (client, _username, _password, done) => {
    if (client.conn instanceof TLSSocket) names.set(client, String(client.conn.getPeerCertificate().subject?.CN));
    done(null, names.has(client));
  },
  authorizePublish: (client, { topic }, done) => done(may(client, 'publish', topic) ? null : new Error(`no right to publish ${topic}`)),
  authorizeSubscribe: (client, subscription, done) => done(null, may(client, 'hear', subscription.topic) ? subscription : null),
});
const server = createServer(
  { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key), requestCert: true, rejectUnauthorized: true },
  (socket: Socket) => broker.handle(socket),
);
server.on('tlsClientError', () => {});
server.on('error', (error) => {
  process.stderr.write(`${error.message}; another program has that port: end it, or npm run cloud -- --broker-port 0 (any that is free)\n`);
  process.exit(1);
});
server.listen(Number(port), '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ event: 'ready', port: (server.address() as AddressInfo).port })}\n`);
});
process.on('SIGTERM', () => process.exit(0)).on('SIGINT', () => {});
