// Other servers that answer in place of the broker, and handshakes that do not end.
import { DevCa } from '../../src/identity/index.ts';
import { Mosquitto, mosquittoUnavailable } from '../support/mosquitto.ts';
import { opensslMissing } from '../support/openssl.ts';
import { greeter, opensslServer, type RunningServer, secureWebServer, tcpServer, tlsServer, webServer } from '../support/wrongServers.ts';
import { clears, deliversAll, raiseAlert, raises } from './acts.ts';
import type { Situation } from './situation.ts';
import type { Stage } from './stage.ts';

const AGAIN = 'The agent tries again with backoff, and every 10 s while an alert waits. The problem ends with the next connection.';

/** A deadline for a handshake that never ends. */
const SHORT = { connectTimeoutMs: 1_000 };

/** Causes that the agent may find while the broker replaces the other server. */
const CHANGE = ['broker_refused_connection', 'broker_hung_up'] as const;

/** Plays a server of another kind on the broker's port until the row's problem is raised, and then the broker. */
function stranger(start: (stage: Stage) => Promise<RunningServer>, says: RegExp, over = {}): Situation['play'] {
  return async (stage) => {
    const server = await start(stage);
    stage.atEnd(() => server.stop());
    const agent = stage.agent(server.port, over);
    raiseAlert(agent);
    await raises(agent, stage.problem, says);
    await server.stop();
    await stage.broker({}, { port: server.port });
    await deliversAll(agent);
    await clears(agent, stage.problem);
  };
}

export const strangers: readonly Situation[] = (
  [
    {
      situation: 'A web server without TLS answers on the broker’s port, such as the login page of a guest network.',
      reaction: `The text shows the first line of its answer. ${AGAIN}`,
      problem: 'broker_answers_http',
      play: stranger(webServer, /: a web server answers instead of the broker: “HTTP\/1\.1 400 Bad Request”$/),
    },
    {
      situation: 'A web server with a valid certificate for the broker’s name answers the CONNECT.',
      reaction: `The text shows the first line of its answer. ${AGAIN}`,
      problem: 'broker_answers_http',
      play: stranger(({ files }) => secureWebServer(files), /: a web server answers instead of the broker: “HTTP\/1\.1 400 Bad Request”$/),
    },
    {
      situation: 'The broker’s port speaks MQTT without TLS.',
      reaction: `The agent sends nothing about the robot there. ${AGAIN}`,
      problem: 'broker_without_tls',
      skip: mosquittoUnavailable(),
      play: stranger(() => Mosquitto.start(), /: the broker speaks MQTT without TLS there$/),
    },
    {
      situation: 'Another service than MQTT answers on the broker’s port, such as SSH.',
      reaction: `The text shows how it greets. ${AGAIN}`,
      problem: 'broker_other_service',
      play: stranger(() => greeter('SSH-2.0-OpenSSH_9.2\r\n'), /: another service answers instead of the broker: “SSH-2\.0-OpenSSH_9\.2”$/),
    },
    {
      situation: 'The broker supports only TLS 1.0.',
      reaction: AGAIN,
      problem: 'broker_tls_mismatch',
      skip: opensslMissing(),
      play: stranger(
        ({ files }) => opensslServer(files, '-tls1', '-cipher', 'ALL:@SECLEVEL=0'),
        /: the server supports neither TLS 1\.2 nor TLS 1\.3$/,
      ),
    },
    {
      situation: 'The broker and the robot have no TLS cipher in common.',
      reaction: AGAIN,
      problem: 'broker_tls_mismatch',
      play: stranger(
        ({ files }) => tlsServer(files, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES256-SHA384:@SECLEVEL=0' }),
        /: the server refuses the TLS handshake$/,
      ),
    },
    {
      situation: 'The broker’s port accepts the connection, but does not answer the TLS handshake.',
      reaction: `The attempt ends after \`mqtt.connect_timeout\`. ${AGAIN}`,
      problem: 'broker_handshake_stalled',
      play: stranger(
        () => tcpServer(() => {}),
        /: the port is open, but the TLS handshake has no answer within \d+(\.\d)? s; the server hangs, or the network drops large packets/,
        SHORT,
      ),
    },
    {
      situation: 'The network drops large packets, so that only the beginning of the TLS handshake arrives.',
      reaction: `The text says so. The attempt ends after \`mqtt.connect_timeout\`. ${AGAIN}`,
      problem: 'broker_handshake_stalled',
      play: stranger(
        () => tcpServer((socket) => socket.once('data', () => socket.write(Buffer.from('1603031000020000', 'hex')))),
        /: the TLS handshake stopped after 8 bytes and \d+(\.\d)? s; the network seems to drop large packets \(MTU\)$/,
        SHORT,
      ),
    },
    {
      situation: 'A firewall opens the encryption and shows a certificate of its own CA.',
      reaction: `The text names the issuer of that certificate and the CA that the robot expects. ${AGAIN}`,
      problem: 'broker_untrusted',
      play: stranger(async (stage) => {
        const inspector = await DevCa.create('Firewall CA');
        const broker = await inspector.issue(stage.folder(), 'firewall', { name: 'localhost', server: true, hosts: ['localhost'] });
        return tlsServer({ ...stage.files, broker });
      }, /: the server shows the certificate localhost \[DNS:localhost\] by Firewall CA until \d{4}-\d\d-\d\d, which the root CA elderly-bot bench CA has not signed$/),
    },
  ] satisfies readonly Situation[]
).map((row) => ({ ...row, also: CHANGE }));
