// Runs the broker of the demo and of `npm run cloud`: aedes in a process of its own, with mutual TLS. The name in a client's certificate
// decides its rights, as in the IoT policies. aedes speaks MQTT 3.1.1 only, so agent and cloud show their fallback. It needs no root and
// no installation. Arguments: CA, certificate, key, the robot's name, and optionally a port.
import { readFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, TLSSocket } from 'node:tls';
import { Aedes, type Client } from 'aedes';
import { CLOUD_RIGHTS, type Rights, ROBOT_RIGHTS, topicsOf } from '../src/wire/index.ts';

const [ca = '', cert = '', key = '', thing = '', port = '0'] = process.argv.slice(2);
const TOPICS = topicsOf('elderly_bot');
const RIGHTS: Readonly<Record<string, Rights>> = { [thing]: ROBOT_RIGHTS, 'elderly-bot-cloud': CLOUD_RIGHTS };

/** The certificate names, recorded at the connect. The broker needs them for last wills after the connection has gone. */
const names = new WeakMap<Client, string>();

function isAllowed(client: Client | null, right: keyof Rights, topic: string): boolean {
  const name = client ? names.get(client) : undefined;
  return RIGHTS[name ?? '']?.[right].some((topicName) => TOPICS[topicName] === topic) ?? false;
}

const broker = await Aedes.createBroker({
  authenticate: (client, _username, _password, done) => {
    if (client.conn instanceof TLSSocket) names.set(client, String(client.conn.getPeerCertificate().subject?.CN));
    done(null, names.has(client));
  },
  authorizePublish: (client, { topic }, done) =>
    done(isAllowed(client, 'publish', topic) ? null : new Error(`no right to publish ${topic}`)),
  authorizeSubscribe: (client, subscription, done) => done(null, isAllowed(client, 'subscribe', subscription.topic) ? subscription : null),
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
