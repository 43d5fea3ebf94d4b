// Locks the state directory, so that only one agent can use it. The lock is SQLite's POSIX lock on a separate file. The kernel releases it
// no matter how the agent ends, so a lock can never be stale. Commands that change keys and certificates use a second lock.
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { codeOf, makeFolder, messageOf, nearestCause } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { closeFolder, requireOwnFolder } from './ownFolder.ts';

export interface StateLock {
  /** For the log, if the directory was open to other users. */
  readonly wasOpen: string | undefined;
  release(): void;
}

const LOCKS = {
  agent: {
    file: 'agent.lock',
    code: 'STATE_DIR_LOCKED',
    by: 'another agent',
    remedy: 'stop the other agent first (elderly-bot status shows it), or set another state_dir for this agent',
  },
  certs: { file: 'certs.lock', code: 'CERTS_BUSY', by: 'another elderly-bot certs', remedy: 'wait until the other command ends' },
} as const;

/**
 * Locks the state directory, and closes it to other users.
 * @throws AgentError STATE_DIR_UNWRITABLE; STATE_DIR_FOREIGN if it is not this user's own; STATE_DIR_LOCKED if another agent is using the
 * directory; CERTS_BUSY if another command is changing its certificates.
 */
export function lockStateDir(stateDir: string, kind: keyof typeof LOCKS = 'agent'): StateLock {
  const { file, code, by, remedy } = LOCKS[kind];
  let wasOpen: string | undefined;
  try {
    makeFolder(stateDir, 0o700);
    requireOwnFolder(stateDir);
    wasOpen = closeFolder(stateDir);
    accessSync(stateDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof AgentError) throw error;
    throw unwritable(stateDir, nearestCause(error, stateDir));
  }
  let db: Database.Database | undefined;
  try {
    db = new Database(join(stateDir, file), { timeout: 0 });
    // Nothing is ever written to this database. Keep its journal in memory, so that locking works on a full disk.
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
  return { wasOpen, release: () => held.close() };
}

/**
 * Finds the process that holds a state directory's lock. It reads the kernel's list of locks rather than trying to take the lock, because
 * even a brief attempt could make an agent fail to start.
 * @returns the process id; undefined if no process holds the lock or the list is unreadable.
 */
export function lockHolder(stateDir: string): number | undefined {
  try {
    const { ino } = statSync(join(stateDir, LOCKS.agent.file));
    // proc_locks(5): NUMBER: POSIX ADVISORY WRITE PID MAJOR:MINOR:INODE START END. Compare only the inode, because on overlay file systems
    // and btrfs the device is not the one that stat reports.
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      const [, kind, , access, pid, place = ''] = line.split(/\s+/);
      if (kind === 'POSIX' && access === 'WRITE' && Number(place.split(':')[2]) === ino) return Number(pid);
    }
  } catch {
    // There is no lock file or no /proc.
  }
  return undefined;
}

function unwritable(stateDir: string, error: unknown): AgentError {
  return new AgentError('STATE_DIR_UNWRITABLE', `state_dir ${stateDir} can't be written: ${messageOf(error)}`, {
    remedy: 'use a folder that this user can write to, on a disk with free space',
    cause: error,
  });
}
