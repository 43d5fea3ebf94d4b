// A real pgbouncer in front of a test's PostgreSQL. It listens on a Unix socket in its own folder only.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accepts } from '../../../test/support/ports.ts';
import type { Postgres } from '../../../test/support/postgres.ts';
import { until } from '../../../test/support/until.ts';

const PROGRAM = '/usr/sbin/pgbouncer';
/** It is a part of the socket's name only. */
const PORT = 6432;

export const NO_PGBOUNCER = !existsSync(PROGRAM) && 'skipped: pgbouncer is not installed (apt-get install pgbouncer)';

export class Pgbouncer {
  readonly url: string;
  readonly #folder: string;
  readonly #child: ChildProcess;

  private constructor(folder: string, child: ChildProcess) {
    this.#folder = folder;
    this.#child = child;
    this.url = `postgresql://postgres@/postgres?host=${folder}&port=${PORT}`;
  }

  static async start(server: Postgres, mode: 'session' | 'transaction'): Promise<Pgbouncer> {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-pgbouncer-'));
    chmodSync(folder, 0o777);
    writeFileSync(join(folder, 'users'), '"postgres" ""\n');
    const lines = [
      '[databases]',
      `* = host=127.0.0.1 port=${server.port}`,
      '[pgbouncer]',
      'listen_addr =',
      `listen_port = ${PORT}`,
      `unix_socket_dir = ${folder}`,
      'auth_type = trust',
      `auth_file = ${folder}/users`,
      `pool_mode = ${mode}`,
    ];
    writeFileSync(join(folder, 'pgbouncer.ini'), `${lines.join('\n')}\n`);
    // It refuses to run as root.
    const user = process.getuid?.() === 0 ? ['-u', 'postgres'] : [];
    const child = spawn(PROGRAM, [...user, join(folder, 'pgbouncer.ini')], { stdio: ['ignore', 'ignore', 'pipe'] });
    let output = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    await until(() => accepts(join(folder, `.s.PGSQL.${PORT}`)), 'pgbouncer accepts connections', { explain: () => output });
    return new Pgbouncer(folder, child);
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
