// A temporary PostgreSQL cluster with its own folder, port and user. `stop` deletes it. It listens on loopback only, and runs without fsync
// unless a test needs it.
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './ports.ts';

const run = promisify(execFile);
const NEEDED = ['initdb', 'postgres'];
/** Debian's pg_wrapper folders, newest first. */
const DEBIAN = '/usr/lib/postgresql';
const START_MS = 30_000;
const TRY_EVERY_MS = 50;
const OUTPUT_CHARACTERS = 4_000;

export interface PostgresOptions {
  /** Whether it runs with fsync, as in production. */
  readonly durable?: boolean;
  /** More `name=value` settings of the server. */
  readonly settings?: readonly string[];
}

/** The folder of PostgreSQL's programs; null if it is not installed. Tests that need it are then skipped. */
export function findPostgres(): string | null {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...(process.env.PATH ?? '').split(':'), ...versions.map((version) => join(DEBIAN, version, 'bin'))];
  return folders.find((folder) => folder !== '' && NEEDED.every((program) => existsSync(join(folder, program)))) ?? null;
}

/** For a test's `skip`: the reason why PostgreSQL is missing, or false. */
export function postgresUnavailable(): string | false {
  return findPostgres() === null && 'no PostgreSQL: apt-get install postgresql';
}

export class Postgres {
  readonly #bin: string;
  readonly #folder: string;
  readonly #port: number;
  readonly #settings: readonly string[];
  readonly #killOnExit = (): void => void this.#child?.kill('SIGKILL');
  #child: ChildProcess | null = null;
  #output = '';
  #databases = 0;

  private constructor(bin: string, folder: string, port: number, settings: readonly string[]) {
    this.#bin = bin;
    this.#folder = folder;
    this.#port = port;
    this.#settings = settings;
  }

  static start(options: PostgresOptions = {}): Promise<Postgres> {
    const flags = ['-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'];
    return Postgres.#create(options, 'initdb', (data) => ['-D', data, ...flags]);
  }

  /** Starts a standby that streams from this server. `select pg_promote()` makes it a primary. */
  standby(): Promise<Postgres> {
    return Postgres.#create({}, 'pg_basebackup', (data) => ['-D', data, '-d', this.url, '-R', '-X', 'stream', '-c', 'fast', '--no-sync']);
  }

  static async #create(options: PostgresOptions, program: string, argsFor: (data: string) => readonly string[]): Promise<Postgres> {
    const found = findPostgres();
    if (!found) throw new Error(`PostgreSQL is not installed: no ${NEEDED.join(', ')} in PATH or ${DEBIAN}; apt-get install postgresql`);
    // A folder in PATH may have links to only some of the programs.
    const bin = dirname(realpathSync(join(found, 'postgres')));
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-postgres-'));
    const durability = options.durable ? [] : ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];
    const server = new Postgres(bin, folder, await freePort(), [...durability, ...(options.settings ?? [])]);
    try {
      mkdirSync(server.#data, { mode: 0o700 });
      const user = serverUser();
      if (user) for (const path of [folder, server.#data]) chownSync(path, user.uid, user.gid);
      const [command = '', ...args] = server.#command(program, argsFor(server.#data));
      await run(command, args, { cwd: folder });
      process.on('exit', server.#killOnExit);
      await server.restart();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get url(): string {
    return this.urlOf('postgres');
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** The folder of its Unix socket. */
  get folder(): string {
    return this.#folder;
  }

  /** The path of one of its programs, such as pg_dump. */
  program(name: string): string {
    return join(this.#bin, name);
  }

  urlOf(database: string): string {
    return `postgresql://postgres@127.0.0.1:${this.#port}/${database}`;
  }

  /** Creates a database for one test. @returns its URL. */
  async createDatabase(): Promise<string> {
    const name = `test_${++this.#databases}`;
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    await client.query(`create database ${name}`);
    await client.end();
    return this.urlOf(name);
  }

  /**
   * Starts the server on its old data and port. Resolves when it accepts connections. It is a child of this process, not of pg_ctl, so this
   * process reaps it after a kill.
   */
  async restart(): Promise<void> {
    const settings = [`listen_addresses=127.0.0.1`, `port=${this.#port}`, `unix_socket_directories=${this.#folder}`, ...this.#settings];
    const [command = '', ...args] = this.#command('postgres', ['-D', this.#data, ...settings.flatMap((setting) => ['-c', setting])]);
    const deadline = performance.now() + START_MS;
    let child = this.#spawn(command, args);
    while (!(await answers(this.url))) {
      if (performance.now() > deadline) throw new Error(`PostgreSQL did not start: ${this.#output.trim()}`);
      await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS));
      // After a kill the server's other processes hold its shared memory for a moment.
      if (child.exitCode !== null) child = this.#spawn(command, args);
    }
  }

  /** Kills the server and its child processes. A child that waits for a client would hold the shared memory and prevent a new start. */
  async kill(): Promise<void> {
    const own = childrenOf(this.#child?.pid);
    await this.#end('SIGKILL');
    for (const pid of own) killIfThere(pid);
  }

  async stop(): Promise<void> {
    await this.#end('SIGQUIT');
    process.off('exit', this.#killOnExit);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #spawn(command: string, args: readonly string[]): ChildProcess {
    const child = spawn(command, args, { cwd: this.#folder, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (chunk: Buffer) => {
      this.#output = `${this.#output}${chunk.toString()}`.slice(-OUTPUT_CHARACTERS);
    });
    this.#child = child;
    return child;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  get #data(): string {
    return join(this.#folder, 'data');
  }

  /** PostgreSQL refuses to run as root. */
  #command(program: string, args: readonly string[]): string[] {
    const user = serverUser();
    const prefix = user ? ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : [];
    return [...prefix, join(this.#bin, program), ...args];
  }
}

function childrenOf(pid: number | undefined): number[] {
  const file = `/proc/${pid}/task/${pid}/children`;
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ').filter(Boolean).map(Number) : [];
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended with the server.
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

function serverUser(): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
