// Runs the whole path for tests and campaigns: Mosquitto with mutual TLS, the cloud on a database, and the agent, each as a process.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mosquittoAcl } from '../../cloud/src/rights/policies.ts';
import { AGENT, type LogLine, Program, ROOT } from '../../scripts/lab/program.ts';
import { type BenchFiles, benchCertificates, type IssuedFiles, type LeafOptions } from '../../src/identity/index.ts';
import type { Status } from '../../src/status/index.ts';
import { awaitStatus } from './agentStatus.ts';
import { Mosquitto, type MosquittoOptions } from './mosquitto.ts';

export const THING = 'elderly-bot';

/** Each message becomes a reading. Telemetry and reconnects are fast, to keep tests short. */
const ROBOT = `
state_dir: state
mqtt:
  interval: 200ms
  keepalive: 5s
  ack_timeout: 5s
  connect_timeout: 5s
  reconnect_min: 200ms
  budget: null
  reconnect_max: 1s
channels:
  gas: { report: { on: message }, alerts_per_minute: 100000 }
  fire: { report: { on: message }, alerts_per_minute: 100000 }
  fall: { report: { on: message }, alerts_per_minute: 100000 }
  stranger: { report: { on: message }, alerts_per_minute: 100000 }
  battery: { report: { on: message } }
  temperature: { report: { on: message } }
`;

export class Bench {
  readonly folder: string;
  readonly files: BenchFiles;
  readonly broker: Mosquitto;
  readonly configFile: string;
  readonly stateDir: string;
  readonly #programs: Program[] = [];

  private constructor(folder: string, files: BenchFiles, broker: Mosquitto) {
    this.folder = folder;
    this.files = files;
    this.broker = broker;
    this.configFile = join(folder, 'robot.yaml');
    this.stateDir = join(folder, 'state');
    writeFileSync(this.configFile, ROBOT);
  }

  /** Adds lines of YAML to the configuration. They take effect at the next start. */
  configure(more: string): void {
    writeFileSync(this.configFile, `${ROBOT}${more}`);
  }

  /** @param broker changes the broker's options. */
  static async start(broker: MosquittoOptions = {}): Promise<Bench> {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-e2e-'));
    mkdirSync(folder, { recursive: true });
    const files = await benchCertificates(join(folder, 'certs'), THING);
    const acl = mosquittoAcl({ prefix: 'elderly_bot', thing: THING });
    return new Bench(folder, files, await Mosquitto.start({ certificates: files, acl, ...broker }));
  }

  /** Another client certificate of the bench's own CA. */
  issue(file: string, options: LeafOptions): Promise<IssuedFiles> {
    return this.files.authority.issue(join(this.folder, 'certs'), file, options);
  }

  /** The variables that a robot's service would set: the endpoint and the certificate files. */
  robotEnv(over: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    return {
      ...process.env,
      AWS_IOT_ENDPOINT: `localhost:${this.broker.port}`,
      AWS_ROOT_CA: this.files.ca,
      AWS_CERT_FILE: this.files.robot.cert,
      AWS_PRIVATE_KEY: this.files.robot.key,
      ...over,
    };
  }

  /** @param heard called for each log line. */
  agent(over: NodeJS.ProcessEnv = {}, heard?: (line: LogLine) => void): Program {
    return this.#keep(new Program('agent', AGENT, ['run', '--config', this.configFile], this.robotEnv(over), ROOT, heard));
  }

  guard(): Program {
    return this.#keep(new Program('guard', AGENT, ['guard', '--config', this.configFile], this.robotEnv()));
  }

  /** @param database a PostgreSQL URL, or a folder for PGlite. */
  async cloud(database: { url: string } | { folder: string }, over: NodeJS.ProcessEnv = {}): Promise<Program> {
    const cloud = new Program('cloud', process.execPath, [`${ROOT}cloud/dist/cloud/src/main.js`, 'serve'], {
      PATH: process.env.PATH,
      AWS_IOT_ENDPOINT: `localhost:${this.broker.port}`,
      AWS_ROOT_CA: this.files.ca,
      AWS_CERT_FILE: this.files.cloud.cert,
      AWS_PRIVATE_KEY: this.files.cloud.key,
      ...('url' in database ? { DATABASE_URL: database.url } : { CLOUD_DATA_DIR: database.folder }),
      PORT: '0',
      SECRET_KEY: 'a secret of tests, long enough for them',
      RECEIPT_INTERVAL: '1s',
      ...over,
    });
    this.#keep(cloud);
    await cloud.event('cloud_ready', () => true, 60_000);
    return cloud;
  }

  /** Arguments with which mosquitto_sub and mosquitto_pub connect as the cloud. */
  mosquittoArguments(): string[] {
    const { ca, cloud } = this.files;
    return [
      '-h',
      'localhost',
      '-p',
      String(this.broker.port),
      '--cafile',
      ca,
      '--cert',
      cloud.cert,
      '--key',
      cloud.key,
      '-V',
      '5',
      '-q',
      '1',
    ];
  }

  run(name: string, command: string, args: readonly string[], env?: NodeJS.ProcessEnv): Program {
    return this.#keep(new Program(name, command, args, env));
  }

  /** Polls the agent's status every 50 ms and resolves with the first that fits. */
  status(fits: (status: Status) => boolean, patienceMs?: number): Promise<Status> {
    return awaitStatus(this.stateDir, fits, patienceMs);
  }

  /** Stops all programs except the broker. */
  async endPrograms(): Promise<void> {
    for (const program of this.#programs.toReversed()) await program.stop();
  }

  async stop(): Promise<void> {
    await this.endPrograms();
    await this.broker.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #keep(program: Program): Program {
    this.#programs.push(program);
    return program;
  }
}
