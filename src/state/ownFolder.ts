// Makes sure that a state directory belongs to this user and is closed to all others: it holds the device key, images and the outbox.
import { chmodSync, lstatSync, realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { AgentError } from '../errors.ts';

/** Access of the group and of others. */
const OTHERS = 0o077;

/** @throws AgentError STATE_DIR_FOREIGN if another user could exchange the files in it; an error from the file system if it is not there. */
export function requireOwnFolder(stateDir: string): void {
  const path = resolve(stateDir);
  const user = process.geteuid?.() ?? 0;
  const link = lstatSync(path);
  if (link.isSymbolicLink() && link.uid !== user && link.uid !== 0) {
    throw new AgentError(
      'STATE_DIR_FOREIGN',
      `state_dir ${path} is a symbolic link of user ${link.uid}, who could make it lead elsewhere`,
      {
        remedy: `set state_dir to the folder itself: ${realpathSync(path)}`,
      },
    );
  }
  const found = statSync(path);
  if (found.uid === user) return;
  throw new AgentError('STATE_DIR_FOREIGN', `state_dir ${path} belongs to user ${found.uid}, and this program runs as user ${user}`, {
    remedy: `run it with sudo -u '#${found.uid}', or give the folder to this user: sudo chown -R ${user} ${path}`,
  });
}

/**
 * Closes the folder to all other users. A read-only file system, or one without modes, prevents that; the agent works nevertheless.
 * @returns a sentence about the mode that it had; undefined if it was closed already.
 */
export function closeFolder(stateDir: string): string | undefined {
  const mode = statSync(stateDir).mode & 0o777;
  if ((mode & OTHERS) === 0) return undefined;
  const before = `${stateDir} had mode 0${mode.toString(8)}, open to other users`;
  try {
    chmodSync(stateDir, 0o700);
  } catch {
    return `${before}, and cannot be closed to them`;
  }
  return (statSync(stateDir).mode & OTHERS) === 0 ? `${before}; it now has 0700` : `${before}, and its file system has no modes`;
}
