// Provides the fixtures of the doctor's tests: certificates, a Mosquitto, and ROS 2 nodes that publish all the time. Each robot has its own
// name, certificate and state directory, so that a test can examine several robots at once.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT } from '../../scripts/lab/program.ts';
import type { CheckResult } from '../../src/doctor/index.ts';
import { type BenchFiles, benchCertificates, type IssuedFiles, type LeafOptions } from '../../src/identity/index.ts';
import { type QosProfile, type RosMessage, type RosNode, startRosNode } from '../../src/ros/index.ts';
import { Mosquitto } from '../support/mosquitto.ts';

export interface Diagnosis {
  readonly code: number;
  readonly checks: readonly CheckResult[];
  /** Errors and warnings that no other finding explains, in order. */
  readonly causes: readonly CheckResult[];
  readonly stderr: string;
}

export interface RobotOptions {
  /** Lines to append to a healthy configuration. */
  readonly config?: string;
  readonly certificate?: Omit<LeafOptions, 'name'>;
}

/** The topics that the sensors of every healthy robot publish. */
const SENSORS: readonly (readonly [topic: string, type: string, message: () => RosMessage])[] = [
  ...['gas', 'fire', 'fall', 'stranger'].map((name) => [`/${name}_detected`, 'std_msgs/msg/Bool', () => ({ data: false })] as const),
  ['/battery_state', 'sensor_msgs/msg/BatteryState', () => ({ percentage: 0.8 })],
  ['/jetson_temperature', 'sensor_msgs/msg/Temperature', () => ({ temperature: 41.5 })],
];
const RELIABLE = { reliability: 'reliable', durability: 'volatile', depth: 10 } as const;
const EVERY_MS = 250;

export class Fixtures {
  readonly folder: string;
  readonly files: BenchFiles;
  readonly broker: Mosquitto;
  readonly domain: RosDomain;
  readonly #sensors: RosNode;
  readonly #timers: NodeJS.Timeout[] = [];
  #robots = 0;

  private constructor(folder: string, files: BenchFiles, broker: Mosquitto, domain: RosDomain, sensors: RosNode) {
    this.folder = folder;
    this.files = files;
    this.broker = broker;
    this.domain = domain;
    this.#sensors = sensors;
  }

  static async open(): Promise<Fixtures> {
    const domain = await claimDomain();
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-doctor-'));
    const files = await benchCertificates(join(folder, 'certs'), 'elderly-bot');
    const fixtures = new Fixtures(
      folder,
      files,
      await Mosquitto.start({ certificates: files }),
      domain,
      await startRosNode({ name: 'sensors' }),
    );
    for (const [topic, type, message] of SENSORS) fixtures.publish(topic, type, message);
    return fixtures;
  }

  /** Publishes every 250 ms from now on. */
  publish(topic: string, type: string, message: () => RosMessage, qos: QosProfile = RELIABLE): void {
    const publisher = this.#sensors.advertise(topic, type, qos);
    this.#timers.push(setInterval(() => publisher.publish(message()), EVERY_MS));
  }

  /** Adds a publisher that publishes nothing. */
  advertise(topic: string, type: string): void {
    this.#sensors.advertise(topic, type, RELIABLE);
  }

  async addRobot(options: RobotOptions = {}): Promise<TestRobot> {
    const name = `robot-${++this.#robots}`;
    const folder = join(this.folder, name);
    mkdirSync(folder);
    const files = await this.files.authority.issue(folder, 'robot', { ...options.certificate, name });
    return new TestRobot(this, name, folder, files, options.config ?? '');
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#sensors.stop();
    await this.broker.stop();
    await this.domain.release();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class TestRobot {
  readonly name: string;
  readonly folder: string;
  readonly files: IssuedFiles;
  readonly stateDir: string;
  readonly configFile: string;
  readonly #fixtures: Fixtures;

  constructor(fixtures: Fixtures, name: string, folder: string, files: IssuedFiles, config: string) {
    this.#fixtures = fixtures;
    this.name = name;
    this.folder = folder;
    this.files = files;
    this.stateDir = join(folder, 'state');
    this.configFile = join(folder, 'robot.yaml');
    writeFileSync(this.configFile, `thing: ${name}\ntopic_prefix: fleet/${name}\nstate_dir: state\n${config}`);
  }

  env(over: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    return {
      ...process.env,
      AWS_IOT_ENDPOINT: `localhost:${this.#fixtures.broker.port}`,
      AWS_ROOT_CA: this.#fixtures.files.ca,
      AWS_CERT_FILE: this.files.cert,
      AWS_PRIVATE_KEY: this.files.key,
      ...over,
    };
  }

  createStateDir(): void {
    mkdirSync(this.stateDir, { recursive: true, mode: 0o700 });
  }

  /** Runs the doctor's command line. */
  examine(over: NodeJS.ProcessEnv = {}, ...more: string[]): Promise<Diagnosis> {
    const args = ['doctor', '--json', '--config', this.configFile, ...more];
    return new Promise((resolve, reject) => {
      execFile(AGENT, args, { env: this.env(over), timeout: 120_000 }, (error, stdout, stderr) => {
        try {
          const { checks } = JSON.parse(stdout) as { checks: CheckResult[] };
          const causes = checks.filter(({ status, hidden_by: by }) => by === null && (status === 'error' || status === 'warning'));
          resolve({ code: error === null ? 0 : Number(error.code), checks, causes, stderr });
        } catch (cause) {
          reject(new Error(`no diagnosis: ${stdout}${stderr}`, { cause }));
        }
      });
    });
  }
}

/** Asserts that this cause is the first finding. The only other finding may be that no agent runs. */
export function assertCause({ causes, code, checks }: Diagnosis, cause: string, observed: RegExp): void {
  assert.equal(causes[0]?.code, cause, JSON.stringify(checks, undefined, 1));
  assert.deepEqual(
    causes.slice(1).map((finding) => finding.code),
    causes.slice(1).some((finding) => finding.code === 'agent') ? ['agent'] : [],
  );
  assert.match(causes[0].observed, observed);
  assert.ok(causes[0].remedy, 'the finding has a remedy');
  assert.ok(causes[0].command, 'the finding has a command');
  assert.equal(code, 1);
}
