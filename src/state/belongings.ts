// Locks and lists all that the agent keeps in its state directory, for commands that replace or erase it. A file that is not in the list is
// not the agent's, because the directory may be a folder with other files of the user.
import { existsSync, readdirSync } from 'node:fs';
import { lockStateDir, type StateLock } from './lock.ts';
import { findStandIn } from './standIn.ts';

const NAMES = new Set([
  'agent.sock',
  'backups',
  'ballast',
  'family-keys.json',
  'guard.sock',
  'identity',
  'last-exit',
  'lifetime.json',
  'logs',
  'probe',
  'restored-config.yaml',
  'ros-ports.json',
  'uplink.json',
  'uploads',
]);
const OUTBOX = /^outbox\.(db|suspect)/;
/** The ending of a file that is being replaced. */
const NEW = /\.new$/;

/** The locks are removed last: a command that erases the others holds them. */
const LOCKS = ['agent.lock', 'certs.lock', 'agent.lock-journal', 'certs.lock-journal'];

/** @returns the names of the agent's files in the directory, and of all others. */
export function belongings(stateDir: string): { readonly own: string[]; readonly locks: string[]; readonly others: string[] } {
  const names = existsSync(stateDir) ? readdirSync(stateDir).sort() : [];
  const isOwn = (name: string) => NAMES.has(name.replace(NEW, '')) || OUTBOX.test(name);
  return {
    own: names.filter(isOwn),
    locks: names.filter((name) => LOCKS.includes(name)),
    others: names.filter((name) => !isOwn(name) && !LOCKS.includes(name)),
  };
}

/**
 * Locks the state directory and its stand-in, because an agent may run in either.
 * @throws AgentError STATE_DIR_LOCKED, STATE_DIR_UNWRITABLE, STATE_DIR_FOREIGN
 */
export function lockAllState(stateDir: string): StateLock {
  const lock = lockStateDir(stateDir);
  const standIn = findStandIn(stateDir);
  try {
    const other = standIn === undefined ? undefined : lockStateDir(standIn);
    return {
      wasOpen: lock.wasOpen,
      release: () => {
        other?.release();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}
