// The tools of a bench, on loopback: Mosquitto with mutual TLS, a ROS domain, certificates, the fsync shim and Python's paho. It starts
// programs and ends them by pid.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT, Program, ROOT } from '../../scripts/lab/program.ts';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { Mosquitto } from '../support/mosquitto.ts';

export const THING = 'elderly-bot';
export const MQTT_TOPIC = 'elderly_bot/telemetry';
/** The MQTT topic of the PUBACK measurement (peers/floors.mjs). */
export const FLOOR_TOPIC = 'elderly_bot/floor';
export const LEVEL = { topic: '/bench/level', type: 'float', channel: 'level' } as const;
export const ALARM = { topic: '/bench/alarm', type: 'bool', channel: 'alarm' } as const;
/** The ROS topic of the bench's command. */
export const COMMAND_TOPIC = '/bench/command';
export type Signal = typeof LEVEL | typeof ALARM;

/** Only the benches need Python. */
const PAHO = 'paho-mqtt==2.1.0';
const PAHO_FOLDER = join(ROOT, '.setup', 'bench', PAHO.replace('==', '-'));

const PEERS = fileURLToPath(new URL('peers/', import.meta.url));

/** Each message becomes a reading, telemetry is sent each second, and IoT Core's limits are off. All else is as on a robot. */
const PACES = {
  unlimited: 'mqtt: { interval: 1s, messages_per_second: null, bytes_per_second: null, budget: null }',
  limited: 'mqtt: { interval: 1s }',
  /** The default configuration: telemetry once a minute. */
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
  alarm: { topic: ${ALARM.topic}, type: std_msgs/msg/Bool, class: alert, qos: { depth: 1000 }, report: { on: message }, alerts_per_minute: 100000 }
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

  /** A new path in the bench's folder. */
  fresh(name: string): string {
    this.#made += 1;
    return join(this.folder, `${this.#made}-${name}`);
  }

  /** A new file that counts the fsyncs of a program. */
  fsyncCounter(): { readonly file: string; read(): number } {
    const file = this.fresh('fsyncs');
    writeFileSync(file, Buffer.alloc(8));
    return { file, read: () => Number(readFileSync(file).readBigUInt64LE()) };
  }

  /** The robot's certificate, for registration with a cloud. */
  get certificate(): string {
    return readFileSync(this.#files.robot.cert, 'utf8');
  }

  /** Variables that count a program's fsyncs and delay each by `us` microseconds. */
  shimEnv(counterFile: string, us: number): NodeJS.ProcessEnv {
    return { LD_PRELOAD: join(this.folder, 'slowFsync.so'), BENCH_FSYNC_FILE: counterFile, BENCH_FSYNC_US: String(us) };
  }

  /**
   * Starts the agent as a user would.
   * @param pace `limited` means the default quotas and budget. @param channels further channels as lines of YAML.
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

  /** Starts a program of test/bench/peers/ in Node.js. These are plain JavaScript, so that no loader of the tests runs beside them. */
  node(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
    return this.#keep(new Program(file, process.execPath, [join(PEERS, file), ...args], { ...this.#peerEnv(), ...env }));
  }

  /** Starts a program of test/bench/peers/ in the Python of the ROS environment. */
  python(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
    const path = { PYTHONPATH: [PAHO_FOLDER, process.env.PYTHONPATH].filter(Boolean).join(':') };
    return this.#keep(new Program(file, python(), [join(PEERS, file), ...args], { ...this.#peerEnv(), ...path, ...env }));
  }

  /** A state directory with a backlog of `count` readings. */
  async fill(rows: number, seed: number): Promise<string> {
    const stateDir = this.fresh('filled');
    const fill = fileURLToPath(new URL('fill.ts', import.meta.url));
    const program = this.#keep(new Program('fill', process.execPath, ['--import', 'tsx', fill, stateDir, String(rows), String(seed)]));
    await program.event('filled', undefined, 120_000);
    await this.end(program);
    return stateDir;
  }

  /** Measures synced entries of the command journal at a steady rate while nothing else runs. */
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
