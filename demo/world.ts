// Starts the demo's processes: broker, cloud, agent and sensors. The cable between agent and broker runs in this process.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cable } from '../scripts/lab/cable.ts';
import { claimDomain, type RosDomain } from '../scripts/lab/domain.ts';
import { AGENT, Program, ROOT } from '../scripts/lab/program.ts';
import { type BenchFiles, benchCertificates } from '../src/identity/index.ts';

export const THING = 'elderly-bot';

/** Every message is a reading, which keeps the count at the end exact. Telemetry is sent each second. */
const ROBOT = `
state_dir: state
log_level: warn
mqtt:
  interval: 1s
  keepalive: 5s
  ack_timeout: 5s
  connect_timeout: 5s
  reconnect_min: 500ms
  budget: null
  reconnect_max: 2s
`;

export interface World {
  readonly folder: string;
  readonly stateDir: string;
  readonly cloudDir: string;
  readonly files: BenchFiles;
  readonly brokerPort: number;
  readonly cloudUrl: string;
  readonly cable: Cable;
  readonly broker: Program;
  readonly cloud: Program;
  readonly sensors: Program;
  readonly agent: Program;
  readonly configFile: string;
  remove(): Promise<void>;
}

/** @param onStep called before each program starts. */
export async function startWorld(onStep: (step: string) => void, signal: AbortSignal): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-demo-'));
  const programs: Program[] = [];
  let domain: RosDomain | undefined;
  let cable: Cable | undefined;
  const remove = async () => {
    await cable?.pull();
    for (const program of programs.toReversed()) await program.stop();
    await domain?.release();
    rmSync(folder, { recursive: true, force: true });
  };
  const begin = (step: string) => {
    signal.throwIfAborted();
    onStep(step);
  };
  try {
    begin('certificates');
    domain = await claimDomain();
    const files = await benchCertificates(join(folder, 'certs'), THING);
    const program = (name: string, command: string, args: string[], env: NodeJS.ProcessEnv = process.env) => {
      const started = new Program(name, command, args, env);
      programs.push(started);
      return started;
    };
    const script = (name: string, ...args: string[]) =>
      program(name, process.execPath, ['--import', 'tsx', `${ROOT}demo/${name}.ts`, ...args]);

    begin('broker (aedes, mutual TLS)');
    const broker = script('broker', files.ca, files.broker.cert, files.broker.key, THING);
    const brokerPort = Number((await broker.event('ready')).port);
    cable = new Cable(brokerPort);
    await cable.plug();

    begin('cloud (PGlite)');
    const cloudDir = join(folder, 'cloud');
    const cloud = program('cloud', process.execPath, [`${ROOT}cloud/dist/cloud/src/main.js`, 'serve'], {
      PATH: process.env.PATH,
      AWS_IOT_ENDPOINT: `localhost:${brokerPort}`,
      AWS_ROOT_CA: files.ca,
      AWS_CERT_FILE: files.cloud.cert,
      AWS_PRIVATE_KEY: files.cloud.key,
      CLOUD_DATA_DIR: cloudDir,
      PORT: '0',
      SECRET_KEY: randomBytes(32).toString('base64url'),
      RECEIPT_INTERVAL: '2s',
    });
    const cloudUrl = String((await cloud.event('cloud_ready', () => true, 60_000)).url);

    begin('agent');
    const configFile = join(folder, 'robot.yaml');
    mkdirSync(folder, { recursive: true });
    writeFileSync(configFile, `${ROBOT}${everyMessage()}`);
    const agent = program('agent', AGENT, ['run', '--config', configFile], {
      ...process.env,
      AWS_IOT_ENDPOINT: `localhost:${cable.port}`,
      AWS_ROOT_CA: files.ca,
      AWS_CERT_FILE: files.robot.cert,
      AWS_PRIVATE_KEY: files.robot.key,
    });

    begin('sensors (ROS 2 nodes)');
    const sensors = script('sensors');
    await sensors.event('ready', () => true, 60_000);
    return {
      folder,
      stateDir: join(folder, 'state'),
      cloudDir,
      files,
      brokerPort,
      cloudUrl,
      cable,
      broker,
      cloud,
      sensors,
      agent,
      configFile,
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

function everyMessage(): string {
  const report = 'report: { on: message, deadband: 0 }';
  const alerts = ['gas', 'fire', 'fall', 'stranger'].map((name) => `  ${name}: { ${report}, alerts_per_minute: 100000 }\n`);
  const telemetry = ['battery', 'temperature'].map((name) => `  ${name}: { ${report} }\n`);
  return `channels:\n${[...alerts, ...telemetry].join('')}`;
}
