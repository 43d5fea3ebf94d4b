// Runs a real Mosquitto with mutual TLS on a port of its own: MQTT 5, shared subscriptions, client names from certificates.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchFiles } from '../../src/identity/index.ts';
import { type Launch, unchanged } from './launch.ts';
import { accepts, freePort } from './ports.ts';
import { until } from './until.ts';

const FOLDERS = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
const START_MS = 10_000;
const TRY_EVERY_MS = 20;

export interface MosquittoOptions {
  /** The files for mutual TLS. Without them it speaks plain MQTT. */
  readonly certificates?: BenchFiles;
  /** Lines of an access control list. Without them each client has all rights. */
  readonly acl?: string;
  /** More lines of mosquitto.conf. */
  readonly lines?: readonly string[];
  /** A Unix socket on which it listens, without TLS, instead of the loopback port. */
  readonly socket?: string;
  readonly launch?: Launch;
}

/** The path of Mosquitto's program; null if it is not installed. Tests that need it are then skipped. */
export function findMosquitto(): string | null {
  const folder = FOLDERS.find((path) => path !== '' && existsSync(join(path, 'mosquitto')));
  return folder === undefined ? null : join(folder, 'mosquitto');
}

/** For a test's `skip`: the reason why Mosquitto is missing, or false. */
export function mosquittoUnavailable(): string | false {
  return findMosquitto() === null && 'no Mosquitto: apt-get install mosquitto';
}

export class Mosquitto {
  readonly port: number;
  readonly #program: string;
  readonly #folder: string;
  readonly #options: MosquittoOptions;
  readonly #killOnExit = (): void => void this.#child?.kill('SIGKILL');
  #child: ChildProcess | null = null;
  #output = '';

  private constructor(program: string, folder: string, port: number, options: MosquittoOptions) {
    this.#program = program;
    this.#folder = folder;
    this.port = port;
    this.#options = options;
  }

  static async start(options: MosquittoOptions = {}): Promise<Mosquitto> {
    const program = findMosquitto();
    if (!program) throw new Error('Mosquitto is not installed: apt-get install mosquitto');
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-mosquitto-'));
    const broker = new Mosquitto(program, folder, await freePort(), options);
    writeFileSync(broker.#config, `${configuration(broker.port, folder, options).join('\n')}\n`);
    if (options.acl !== undefined) writeFileSync(broker.#acl, `${options.acl}\n`);
    process.on('exit', broker.#killOnExit);
    try {
      await broker.restart();
    } catch (error) {
      await broker.stop();
      throw error;
    }
    return broker;
  }

  /** Starts Mosquitto on the same port. Resolves when it accepts connections. */
  async restart(): Promise<void> {
    const { socket, launch = unchanged } = this.#options;
    if (socket !== undefined) rmSync(socket, { force: true });
    const [command, ...words] = launch(this.#program, '-c', this.#config);
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    const deadline = performance.now() + START_MS;
    while (!(await accepts(socket ?? this.port))) {
      if (child.exitCode !== null || performance.now() > deadline) throw new Error(`Mosquitto did not start: ${this.#output.trim()}`);
      await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS));
    }
  }

  /** Kills it with SIGKILL. Resolves when the process has ended. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
    process.off('exit', this.#killOnExit);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Replaces the access control list of a running broker that was started with one. Resolves when it holds. Connections stay. */
  async changeAcl(acl: string): Promise<void> {
    writeFileSync(this.#acl, `${acl}\n`);
    const before = this.#reloads;
    this.#child?.kill('SIGHUP');
    // Mosquitto logs this, reads the list, and only then handles the next packet.
    await until(() => this.#reloads > before, 'the broker has read its access control list');
  }

  get #reloads(): number {
    return this.#output.split('Reloading config.').length;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Its output so far. */
  get output(): string {
    return this.#output;
  }

  get #config(): string {
    return join(this.#folder, 'mosquitto.conf');
  }

  get #acl(): string {
    return join(this.#folder, 'acl');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}

function configuration(port: number, folder: string, { certificates, acl, lines = [], socket }: MosquittoOptions): string[] {
  const tls = certificates && [
    `cafile ${certificates.ca}`,
    `certfile ${certificates.broker.cert}`,
    `keyfile ${certificates.broker.key}`,
    'require_certificate true',
    'use_identity_as_username true',
  ];
  // Started by root, Mosquitto would change to its own user, which cannot read the keys.
  const user = process.getuid?.() === 0 ? ['user root'] : [];
  const access = acl === undefined ? [] : [`acl_file ${join(folder, 'acl')}`];
  return [
    'persistence false',
    'log_type warning',
    'log_type error',
    'log_type information',
    ...user,
    ...access,
    socket === undefined ? `listener ${port} 127.0.0.1` : `listener 0 ${socket}`,
    ...(tls ?? ['allow_anonymous true']),
    ...lines,
  ];
}
