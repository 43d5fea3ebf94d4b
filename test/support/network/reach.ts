// Connects to the robot's broker as the agent does, then surveys its paths as the doctor does, and prints both as JSON.
// `reach.ts ADDRESS...`: the broker's addresses of an earlier run. The environment has the broker and the certificate.
import { readCredentials } from '../../../src/identity/index.ts';
import { ConnectError } from '../../../src/uplink/connectError.ts';
import { dial, NOTHING_KNOWN } from '../../../src/uplink/dialer.ts';
import { survey } from '../../../src/uplink/index.ts';
import { nameOf } from '../../../src/uplink/network/path.ts';

/** Longer than a handshake through the network of the tests, and short, because some connections never open. */
const TIMEOUT_MS = 6_000;

const {
  AWS_IOT_ENDPOINT: host = '',
  AWS_ROOT_CA: rootCa = '',
  AWS_CERT_FILE: certFile = '',
  AWS_PRIVATE_KEY: privateKey = '',
} = process.env;
const credentials = readCredentials({ rootCa, certFile, privateKey });
const access = { host, port: undefined, interfaces: [] };

const known = { ...NOTHING_KNOWN, addresses: process.argv.slice(2) };
const mqtt = { clientId: 'elderly-bot', onMessage: () => {}, timeoutMs: TIMEOUT_MS };
const agent = await dial({ ...access, ...mqtt, credentials, known }, new AbortController().signal)
  .then(async (session) => {
    await session.close();
    return { path: nameOf(session.path) };
  })
  .catch((error: unknown) => {
    if (!(error instanceof ConnectError)) throw error;
    return { text: error.message, reason: error.reason };
  });
const { shown, tried } = await survey({ ...access, own: credentials, known });
const doctor = { tried: tried.map(({ path }) => nameOf(path)), text: shown?.failure?.message, reason: shown?.failure?.reason };
process.stdout.write(`${JSON.stringify({ event: 'reached', agent, doctor })}\n`);
