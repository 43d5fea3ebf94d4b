// The state directory: writable, and held by one agent at a time. The lock is SQLite's own file lock on a file of its own,
// which the kernel takes back however the agent ends; so a second agent is refused, and no stale lock is ever left. Commands
// that change keys and certificates use a lock of their own.
import { accessSync, constants, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { codeOf, messageOf, nearestCause } from '../base/index.ts';
import { AgentError } from '../errors.ts';

export interface StateLock {
  release(): void;
}

const LOCKS = {
  agent: {
    file: 'agent.lock',
    code: 'STATE_DIR_LOCKED',
    by: 'another agent',
    remedy: 'stop that one first (elderly-bot status shows it), or give this one a state_dir of its own',
  },
  certs: { file: 'certs.lock', code: 'CERTS_BUSY', by: 'another elderly-bot certs', remedy: 'wait for that one to end' },
} as const;

/** @throws AgentError STATE_DIR_UNWRITABLE, STATE_DIR_LOCKED if another agent uses it, CERTS_BUSY if another command changes its certificates. */
export function lockStateDir(stateDir: string, what: keyof typeof LOCKS = 'agent'): StateLock {
  const { file, code, by, remedy } = LOCKS[what];
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    accessSync(stateDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unwritable(stateDir, nearestCause(error, stateDir));
  }
  let db: Database.Database | undefined;
  try {
    db = new Database(join(stateDir, file), { timeout: 0 });
    // Nothing is ever written, so no journal is: a full disk has no space for a journal.
    db.pragma('journal_mode = MEMORY');
    db.pragma('locking_mode = EXCLUSIVE');
    db.exec('begin exclusive');
  } catch (error) {
    db?.close();
    if (codeOf(error)?.startsWith('SQLITE_BUSY')) {
      throw new AgentError(code, `state_dir ${stateDir} is in use by ${by}`, { remedy, cause: error });
    }
    throw unwritable(stateDir, error);
  }
  const held = db;
  return { release: () => held.close() };
}

/**
 * The process that holds the lock of a state directory, asked of the kernel without touching the lock: to take it even for a moment
 * could make an agent's start fail. Undefined if no process holds the lock, or if the kernel can't be asked.
 */
export function lockHolder(stateDir: string): number | undefined {
  try {
    const { ino } = statSync(join(stateDir, LOCKS.agent.file));
    // proc_locks(5): NUMBER: POSIX ADVISORY WRITE PID MAJOR:MINOR:INODE START END. On overlays and btrfs the device is another than
    // stat says, so only the inode is compared.
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      const [, kind, , access, pid, place = ''] = line.split(/\s+/);
      if (kind === 'POSIX' && access === 'WRITE' && Number(place.split(':')[2]) === ino) return Number(pid);
    }
  } catch {
    // No such lock, or no /proc.
  }
  return undefined;
}

function unwritable(stateDir: string, error: unknown): AgentError {
  return new AgentError('STATE_DIR_UNWRITABLE', `state_dir ${stateDir} can't be written: ${messageOf(error)}`, {
    remedy: 'make it a folder that this user may write, with space left on its disk',
    cause: error,
  });
}
