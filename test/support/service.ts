// Runs the agent as a unit in a systemd of its own, installed by `elderly-bot service install`, with a real broker outside.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RosDomain } from '../../scripts/lab/domain.ts';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import type { Status } from '../../src/status/index.ts';
import { Mosquitto } from './mosquitto.ts';
import { LAB_AGENT, SystemdLab } from './systemd.ts';

export const UNIT = 'elderly-bot.service';
const CONFIG = '/etc/elderly-bot/robot.yaml';
const CERTS = '/etc/elderly-bot/certs';
export const STATE = '/var/lib/elderly-bot';

/** Shortens the waits of the unit for tests. */
const DROP_IN = '[Service]\nWatchdogSec=3\nRestartSec=0.2\n';

const robot = (port: number) => `
mqtt:
  endpoint: localhost:${port}
  root_ca: ${CERTS}/ca.crt.pem
  cert_file: ${CERTS}/robot.crt.pem
  private_key: ${CERTS}/robot.key.pem
  interval: 200ms
  keepalive: 5s
  reconnect_min: 200ms
  reconnect_max: 1s
  budget: null
channels:
  gas: { report: { on: message } }
  fire: { report: { on: message } }
  fall: { report: { on: message } }
  stranger: { report: { on: message } }
  battery: { report: { on: message } }
  temperature: { report: { on: message } }
  steps: { topic: /steps, type: std_msgs/msg/Int32, field: data, report: { on: message } }
`;

export class ServiceBench {
  readonly lab: SystemdLab;
  readonly broker: Mosquitto;
  readonly files: BenchFiles;
  readonly #folder: string;
  readonly #domain: RosDomain;

  private constructor(parts: { lab: SystemdLab; broker: Mosquitto; files: BenchFiles; folder: string; domain: RosDomain }) {
    this.lab = parts.lab;
    this.broker = parts.broker;
    this.files = parts.files;
    this.#folder = parts.folder;
    this.#domain = parts.domain;
  }

  static async start(domain: RosDomain, thing = 'elderly-bot'): Promise<ServiceBench> {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-service-'));
    const files = await benchCertificates(join(folder, 'certs'), thing);
    const broker = await Mosquitto.start({ certificates: files });
    // A running broker would keep the test process alive.
    const lab = await SystemdLab.start().catch(async (error: unknown) => {
      await broker.stop();
      throw error;
    });
    const bench = new ServiceBench({ lab, broker, files, folder, domain });
    mkdirSync(lab.path('/etc/elderly-bot'));
    cpSync(join(folder, 'certs'), lab.path(CERTS), { recursive: true });
    bench.configure(robot(broker.port));
    return bench;
  }

  get configuration(): string {
    return robot(this.broker.port);
  }

  configure(text: string): void {
    writeFileSync(this.lab.path(CONFIG), text);
  }

  /** Writes the unit's environment file. */
  setEnvironment(text: string): void {
    mkdirSync(this.lab.path('/etc/default'), { recursive: true });
    writeFileSync(this.lab.path('/etc/default/elderly-bot'), text);
  }

  /** Installs the service as a user would, with shortened waits. @returns the output. */
  install({ user, program = LAB_AGENT }: { readonly user?: string; readonly program?: string } = {}): string {
    const folder = this.lab.path(`/etc/systemd/system/${UNIT}.d`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'quick.conf'), DROP_IN);
    const { code, text } = this.lab.runWith(
      this.#domain.env,
      program,
      'service',
      'install',
      '--config',
      CONFIG,
      ...(user === undefined ? [] : ['--user', user]),
    );
    if (code !== 0) throw new Error(`service install ended with ${code}: ${text}\n${this.lab.journal(UNIT).slice(-3_000)}`);
    return text;
  }

  status(fits: (status: Status) => boolean, patienceMs?: number): Promise<Status> {
    return this.lab.status(STATE, fits, patienceMs);
  }

  get pid(): number {
    return this.lab.mainPid(UNIT);
  }

  /** Resolves when a process other than `pid` is ready. @returns its pid. */
  async restartedAfter(pid: number, patienceMs = 40_000): Promise<number> {
    await this.lab.until(() => {
      const now = this.lab.properties(UNIT, 'ActiveState', 'MainPID');
      return now.ActiveState === 'active' && this.pid !== pid;
    }, patienceMs);
    return this.pid;
  }

  async stop(): Promise<void> {
    await this.lab.stop();
    await this.broker.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
