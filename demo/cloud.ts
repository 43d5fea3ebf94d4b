// `npm run cloud` runs the cloud straight after a clone. It creates a SECRET_KEY in .env, certificates in bench-certs/ and an embedded
// database in cloud-data/ if they are missing, and starts a broker with mutual TLS in a process of its own. Values in .env or the
// environment (AWS_IOT_ENDPOINT, DATABASE_URL, ...) replace these. Ctrl-C ends it; the created files stay.
import { randomBytes, X509Certificate } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SettingsError } from '../cloud/src/errors/index.ts';
import { type Environment, readEnvironment } from '../cloud/src/settings/index.ts';
import { type LogLine, Program, ROOT } from '../scripts/lab/program.ts';
import { benchCertificates } from '../src/identity/index.ts';
import { THING } from './world.ts';

const HELP = `npm run cloud -- [--port 8080] [--broker-port 8883]
  --port         of the API (else PORT, else 8080; 0: any that is free)
  --broker-port  of the embedded broker (0: any that is free)`;

const CERTIFICATES = 'bench-certs';
const NAMES = ['ca', 'broker', 'cloud', 'robot'] as const;
const READY_MS = 90_000;
/** Pino's number of the level warn. */
const WARN = 40;
const MOST_DAYS_MS = 86_400_000;

const print = (text: string): void => void process.stderr.write(`cloud: ${text}\n`);

interface Arguments {
  readonly port: string | undefined;
  readonly brokerPort: string;
}

function readArguments(): Arguments {
  try {
    const options = { port: { type: 'string' }, 'broker-port': { type: 'string', default: '8883' }, help: { type: 'boolean' } } as const;
    const { values } = parseArgs({ options });
    if (values.help) {
      process.stdout.write(`${HELP}\n`);
      process.exit(0);
    }
    return { port: values.port, brokerPort: values['broker-port'] };
  } catch (error) {
    throw new SettingsError([error instanceof Error ? error.message : String(error), HELP]);
  }
}

/** @returns the names of the parts that it created, and the cloud's secret key. */
async function prepare(given: Environment): Promise<{ readonly made: string[]; readonly secretKey: string }> {
  const made: string[] = [];
  let secretKey = given.SECRET_KEY ?? '';
  if (!secretKey) {
    secretKey = randomBytes(48).toString('base64');
    const begun = existsSync('.env') && !readFileSync('.env', 'utf8').endsWith('\n') ? '\n' : '';
    appendFileSync('.env', `${begun}SECRET_KEY=${secretKey}\n`, { mode: 0o600 });
    made.push('a SECRET_KEY (.env)');
  }
  if (!given.AWS_IOT_ENDPOINT && !certificatesAreGood()) {
    await benchCertificates(CERTIFICATES, THING);
    made.push(`certificates of broker, cloud and robot (${CERTIFICATES}/)`);
  }
  const dataDir = given.CLOUD_DATA_DIR || './cloud-data';
  if (!given.DATABASE_URL && !existsSync(join(dataDir, 'PG_VERSION'))) made.push(`an embedded PostgreSQL (${dataDir}/)`);
  return { made, secretKey };
}

function certificatesAreGood(): boolean {
  const files = NAMES.map((name) => join(CERTIFICATES, `${name}.crt.pem`));
  const keys = NAMES.slice(1).map((name) => join(CERTIFICATES, `${name}.key.pem`));
  if (![...files, ...keys].every((file) => existsSync(file))) return false;
  return files.every((file) => Date.parse(new X509Certificate(readFileSync(file)).validTo) > Date.now() + MOST_DAYS_MS);
}

const certificate = (name: string): string => join(CERTIFICATES, `${name}.crt.pem`);
const keyOf = (name: string): string => join(CERTIFICATES, `${name}.key.pem`);

async function startBroker(port: string): Promise<Program> {
  const args = [certificate('ca'), certificate('broker'), keyOf('broker'), THING, port];
  return new Program(
    'broker',
    process.execPath,
    ['--import', import.meta.resolve('tsx'), `${ROOT}demo/broker.ts`, ...args],
    process.env,
    process.cwd(),
  );
}

/** Prints the cloud's warnings as plain text. */
function printWarning(line: LogLine): void {
  if (Number(line.level) < WARN) return;
  print([line.msg, line.reason].filter(Boolean).join(': '));
}

async function main(): Promise<number> {
  const { port, brokerPort } = readArguments();
  const given = readEnvironment(process.env, '.env');
  const stopAsked = new Promise<void>((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
  const { made, secretKey } = await prepare(given);
  print(made.length > 0 ? `made ${made.join(', ')}` : 'all there already');
  const programs: Program[] = [];
  const endpoint: Record<string, string> = {};
  try {
    if (!given.AWS_IOT_ENDPOINT) {
      print('starting the broker ...');
      const broker = await startBroker(brokerPort);
      programs.push(broker);
      endpoint.AWS_IOT_ENDPOINT = `localhost:${(await broker.event('ready')).port}`;
      Object.assign(endpoint, { AWS_ROOT_CA: certificate('ca'), AWS_CERT_FILE: certificate('cloud'), AWS_PRIVATE_KEY: keyOf('cloud') });
    }
    print('starting the cloud ...');
    const env = { ...process.env, SECRET_KEY: secretKey, ...endpoint, ...(port !== undefined && { PORT: port }) };
    const cloud = new Program(
      'cloud',
      process.execPath,
      [`${ROOT}cloud/dist/cloud/src/main.js`, 'serve'],
      env,
      process.cwd(),
      printWarning,
    );
    programs.push(cloud);
    const { url } = await cloud.event('cloud_ready', () => true, READY_MS);
    print(`${url}/docs has the routes; the broker is ${endpoint.AWS_IOT_ENDPOINT ?? given.AWS_IOT_ENDPOINT}; Ctrl-C ends it`);
    if (endpoint.AWS_IOT_ENDPOINT === 'localhost:8883') print('a robot for it: bin/elderly-bot run --config config/bench.yaml');
    if (endpoint.AWS_IOT_ENDPOINT !== undefined) {
      const given = Object.entries(endpoint).map(([name, value]) => `${name}=${value}`);
      print(`its doctor: ${given.join(' ')} bin/elderly-bot-cloud doctor`);
    }
    const ended = await Promise.race([stopAsked.then(() => null), ...programs.map((program) => program.exited.then(() => program))]);
    if (ended === null) {
      print('asked to end: what was made stays');
      return 0;
    }
    print(`${ended.name} ended by itself: ${ended.stderr.trim()}`);
    return 1;
  } catch (error) {
    const dead = programs.find((program) => program.ended);
    print(dead ? dead.stderr.trim() || `${dead.name} did not start` : String(error));
    return 1;
  } finally {
    for (const program of programs.toReversed()) await program.stop();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  for (const line of error.lines) print(line);
  process.exitCode = 2;
}
