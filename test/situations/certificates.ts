// Certificates that one side does not accept.
import type { BenchFiles, IssuedFiles, LeafOptions } from '../../src/identity/index.ts';
import { DAY_MS, DevCa, readCredentials } from '../../src/identity/index.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { OpenSsl, opensslMissing } from '../support/openssl.ts';
import { clears, deliversAll, raiseAlert, raises } from './acts.ts';
import type { Situation } from './situation.ts';
import type { Stage } from './stage.ts';

const AGAIN = 'The agent tries again with backoff. The problem ends with the next connection.';
const KEEPS = 'The agent tries again with backoff, and keeps all rows until it has a certificate that the broker accepts.';

const YESTERDAY = { notBefore: new Date(Date.now() - 9 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) };
const TOMORROW = { notBefore: new Date(Date.now() + DAY_MS), notAfter: new Date(Date.now() + 9 * DAY_MS) };
const LOCALHOST: LeafOptions = { name: 'localhost', server: true, hosts: ['localhost'] };

type Issue = (files: BenchFiles, folder: string) => IssuedFiles | Promise<IssuedFiles>;

/** Plays a broker with this certificate until the row's problem is raised, and then one with the right certificate. */
function brokerWith(issue: Issue, says: RegExp): Situation['play'] {
  return async (stage) => {
    const wrong = await stage.broker({}, { files: { ...stage.files, broker: await issue(stage.files, stage.folder()) } });
    const { port } = wrong;
    const agent = stage.agent(port);
    raiseAlert(agent);
    await raises(agent, stage.problem, says);
    await wrong.stop();
    await stage.broker({}, { port });
    await deliversAll(agent);
    await clears(agent, stage.problem);
  };
}

/** Plays a Mosquitto that does not accept the robot's certificate. */
function robotWith(issue: Issue, says: RegExp, lines: readonly string[] = []): Situation['play'] {
  return async (stage) => {
    const { cert, key } = await issue(stage.files, stage.folder());
    const broker = await stage.mosquitto({ lines });
    const agent = stage.agent(broker.port, { credentials: readCredentials({ rootCa: stage.files.ca, certFile: cert, privateKey: key }) });
    raiseAlert(agent);
    await raises(agent, stage.problem, says);
  };
}

/** Plays a broker whose list of revoked certificates has the robot's. */
async function revoked(stage: Stage): Promise<void> {
  const openssl = new OpenSsl(stage.folder());
  const authority = openssl.authority();
  const robot = openssl.pair(authority);
  const broker = openssl.pair(authority, { name: 'localhost', hosts: ['localhost'], extensions: ['extendedKeyUsage=serverAuth'] });
  const lines = [`crlfile ${openssl.revocations(authority, robot)}`];
  const mosquitto = await stage.mosquitto({ certificates: { ...stage.files, ca: authority.cert, broker }, lines });
  const credentials = readCredentials({ rootCa: authority.cert, certFile: robot.cert, privateKey: robot.key });
  const agent = stage.agent(mosquitto.port, { credentials });
  raiseAlert(agent);
  await raises(agent, stage.problem, /certificate was revoked/);
}

export const certificates: readonly Situation[] = [
  {
    situation: 'The broker’s certificate has expired.',
    reaction: AGAIN,
    problem: 'broker_certificate_expired',
    play: brokerWith(({ authority }, folder) => authority.issue(folder, 'broker', { ...LOCALHOST, ...YESTERDAY }), /expired/),
  },
  {
    situation: 'The broker’s certificate is not valid yet.',
    reaction: AGAIN,
    problem: 'broker_certificate_expired',
    play: brokerWith(({ authority }, folder) => authority.issue(folder, 'broker', { ...LOCALHOST, ...TOMORROW }), /is not valid yet/),
  },
  {
    situation: 'The broker’s certificate is for another host name.',
    reaction: AGAIN,
    problem: 'broker_name_mismatch',
    play: brokerWith(
      ({ authority }, folder) => authority.issue(folder, 'broker', { name: 'elsewhere', server: true, hosts: ['elsewhere'] }),
      /elsewhere/,
    ),
  },
  {
    situation: 'Another CA than `mqtt.root_ca` has signed the broker’s certificate.',
    reaction: AGAIN,
    problem: 'broker_untrusted',
    play: brokerWith(async (_files, folder) => (await DevCa.create('somebody else')).issue(folder, 'broker', LOCALHOST), /./),
  },
  {
    situation: 'The broker’s certificate is self-signed.',
    reaction: AGAIN,
    problem: 'broker_untrusted',
    skip: opensslMissing(),
    play: brokerWith(
      (_files, folder) => new OpenSsl(folder).selfSigned('/CN=localhost', []),
      /which the root CA elderly-bot bench CA has not signed/,
    ),
  },
  {
    situation: 'The robot’s certificate has expired.',
    reaction: KEEPS,
    problem: 'certificate_expired',
    skip: mosquittoUnavailable(),
    play: robotWith(
      ({ authority }, folder) => authority.issue(folder, 'robot', { name: 'elderly-bot', ...YESTERDAY }),
      /certificate has expired/,
    ),
  },
  {
    situation: 'A CA that the broker does not know has signed the robot’s certificate.',
    reaction: KEEPS,
    problem: 'certificate_refused',
    skip: mosquittoUnavailable(),
    play: robotWith(
      async (_files, folder) => (await DevCa.create('somebody else')).issue(folder, 'robot', { name: 'elderly-bot' }),
      /^localhost at 127\.0\.0\.1:\d+: the server [a-zCA’ ]+$/,
    ),
  },
  {
    situation: 'The robot’s certificate is revoked.',
    reaction: KEEPS,
    problem: 'certificate_refused',
    skip: mosquittoUnavailable() || opensslMissing(),
    play: revoked,
  },
];
