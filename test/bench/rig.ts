// Everything a bench measures with, on loopback: Mosquitto with mutual TLS, a ROS domain of its own, certificates, the fsync shim
// and Python's paho. It starts programs and ends them by pid; it measures nothing itself.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { claimDomain, type RosDomain } from '../support/domain.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { AGENT, Program, ROOT } from '../support/program.ts';

export const THING = 'elderly-bot';
export const MQTT_TOPIC = 'elderly_bot/telemetry';
/** Where the PUBACK part alone is measured (peers/floors.mjs). */
export const FLOOR_TOPIC = 'elderly_bot/floor';
export const LEVEL = { topic: '/bench/level', type: 'float', channel: 'level' } as const;
export const ALARM = { topic: '/bench/alarm', type: 'bool', channel: 'alarm' } as const;
/** What the bench's one command is published on. */
export const COMMAND_TOPIC = '/bench/command';
export type Signal = typeof LEVEL | typeof ALARM;

/** Only of the benches: the agent needs no Python. */
const PAHO = 'paho-mqtt==2.1.0';
const PAHO_FOLDER = join(ROOT, '.setup', 'bench', PAHO.replace('==', '-'));

const PEERS = fileURLToPath(new URL('peers/', import.meta.url));

/** Every message is a reading; telemetry each second; nothing else differs from a robot's, but for the limits that are IoT Core's. */
const PACES = {
  unlimited: 'mqtt: { interval: 1s, messages_per_second: null, bytes_per_second: null, budget: null }',
  limited: 'mqtt: { interval: 1s }',
  /** As it is shipped: telemetry once a minute. */
  shipped: '',
};
const ROBOT = `
outbox: { max_size: 4GiB }
channels:
  gas: null
  fire: null
  fall: null
  stranger: null
  battery: null
  temperature: null
  level: { topic: ${LEVEL.topic}, type: std_msgs/msg/Float64, qos: { depth: 1000 }, max_rate: null, report: { on: message } }
  alarm: { topic: ${ALARM.topic}, type: std_msgs/msg/Bool, class: alert, qos: { depth: 1000 }, report: { on: message } }
commands:
  level: { topic: ${COMMAND_TOPIC}, type: std_msgs/msg/Float64, message: { data: $value }, args: { value: { type: number } }, rate: 600 }
`;

export class Rig {
  readonly folder: string;
  readonly broker: Mosquitto;
  readonly #files: BenchFiles;
  readonly #domain: RosDomain;
  readonly #programs = new Set<Program>();
  #made = 0;

  private constructor(folder: string, files: BenchFiles, broker: Mosquitto, domain: RosDomain) {
    this.folder = folder;
    this.#files = files;
    this.broker = broker;
    this.#domain = domain;
  }

  static async start(): Promise<Rig> {
    preparePaho();
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-bench-'));
    execFileSync('cc', [
      '-O2',
      '-shared',
      '-fPIC',
      '-o',
      join(folder, 'slowFsync.so'),
      fileURLToPath(new URL('slowFsync.c', import.meta.url)),
      '-ldl',
    ]);
    const files = await benchCertificates(join(folder, 'certs'), THING);
    const unlimited = ['max_queued_messages 0', 'max_inflight_messages 0', 'set_tcp_nodelay true'];
    const broker = await Mosquitto.start({ certificates: files, lines: unlimited });
    return new Rig(folder, files, broker, await claimDomain());
  }

  async stop(): Promise<void> {
    for (const program of this.#programs) await program.kill();
    await this.broker.stop();
    await this.#domain.release();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A path in the bench's folder that nothing has yet. */
  fresh(name: string): string {
    this.#made += 1;
    return join(this.folder, `${this.#made}-${name}`);
  }

  /** A file that counts the fsyncs of whoever is started with it. */
  fsyncCounter(): { readonly file: string; read(): number } {
    const file = this.fresh('fsyncs');
    writeFileSync(file, Buffer.alloc(8));
    return { file, read: () => Number(readFileSync(file).readBigUInt64LE()) };
  }

  /** The robot's certificate, for a cloud to know. */
  get certificate(): string {
    return readFileSync(this.#files.robot.cert, 'utf8');
  }

  /** The environment that makes a program's fsyncs counted and, by `us`, slower. */
  shimEnv(counterFile: string, us: number): NodeJS.ProcessEnv {
    return { LD_PRELOAD: join(this.folder, 'slowFsync.so'), BENCH_FSYNC_FILE: counterFile, BENCH_FSYNC_US: String(us) };
  }

  /**
   * The agent as a user starts it.
   * @param pace `limited`: with the quotas and the budget that it has by default. @param channels further ones, as lines of YAML.
   */
  agent(env: NodeJS.ProcessEnv = {}, stateDir = this.fresh('state'), pace: keyof typeof PACES = 'unlimited', channels = ''): Program {
    const config = `${stateDir}.yaml`;
    writeFileSync(config, `state_dir: ${stateDir}\n${PACES[pace]}\n${ROBOT.replace('commands:', () => `${channels}commands:`)}`);
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const { ca, robot } = this.#files;
    const connection = {
      AWS_IOT_ENDPOINT: `localhost:${this.broker.port}`,
      AWS_ROOT_CA: ca,
      AWS_CERT_FILE: robot.cert,
      AWS_PRIVATE_KEY: robot.key,
    };
    return this.#keep(new Program('agent', AGENT, ['run', '--config', config], { ...process.env, ...connection, ...env }));
  }

  /** A program of test/bench/peers/ in Node, plain JavaScript, so that nothing of the tests' machinery runs beside it. */
  node(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
    return this.#keep(new Program(file, process.execPath, [join(PEERS, file), ...args], { ...this.#peerEnv(), ...env }));
  }

  /** A program of test/bench/peers/ in the Python of the ROS environment. */
  python(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
    const path = { PYTHONPATH: [PAHO_FOLDER, process.env.PYTHONPATH].filter(Boolean).join(':') };
    return this.#keep(new Program(file, python(), [join(PEERS, file), ...args], { ...this.#peerEnv(), ...path, ...env }));
  }

  /** A state directory with a backlog of so many readings. */
  async fill(rows: number, seed: number): Promise<string> {
    const stateDir = this.fresh('filled');
    const fill = fileURLToPath(new URL('fill.ts', import.meta.url));
    const program = this.#keep(new Program('fill', process.execPath, ['--import', 'tsx', fill, stateDir, String(rows), String(seed)]));
    await program.event('filled', undefined, 120_000);
    await this.end(program);
    return stateDir;
  }

  /** Entries of the command journal, written and synced at a pace; nothing else runs. */
  journal(rate: number, count: number): Program {
    const folder = this.fresh('journal');
    mkdirSync(folder);
    const file = fileURLToPath(new URL('journal.ts', import.meta.url));
    return this.#keep(new Program('journal', process.execPath, ['--import', 'tsx', file, folder, String(rate), String(count)]));
  }

  async end(program: Program): Promise<void> {
    await program.stop();
    this.#programs.delete(program);
  }

  #peerEnv(): NodeJS.ProcessEnv {
    const { ca, cloud } = this.#files;
    const mqtt = { BENCH_PORT: String(this.broker.port), BENCH_CA: ca, BENCH_CERT: cloud.cert, BENCH_KEY: cloud.key };
    return { ...process.env, ...mqtt };
  }

  #keep(program: Program): Program {
    this.#programs.add(program);
    return program;
  }
}

function python(): string {
  const wheels = join(ROOT, '.ros2', 'bin', 'python');
  return existsSync(wheels) && (process.env.AMENT_PREFIX_PATH ?? '').includes('.ros2') ? wheels : 'python3';
}

function preparePaho(): void {
  if (existsSync(join(PAHO_FOLDER, 'paho'))) return;
  process.stderr.write(`bench: installs ${PAHO} for its Python comparators (into ${PAHO_FOLDER})\n`);
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--target', PAHO_FOLDER, PAHO];
  execFileSync(python(), args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
