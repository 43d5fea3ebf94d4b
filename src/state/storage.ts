// Chooses the folder for the agent's state: the state directory, or its stand-in while the state directory cannot be written.
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf, isNoSpace, messageOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { lockAllState } from './belongings.ts';
import { lockStateDir, type StateLock } from './lock.ts';
import { findStandIn, makeStandIn } from './standIn.ts';

/** Another folder with state of this robot. */
export interface OtherFolder {
  readonly folder: string;
  /** Whether its state is taken over for good. If not, the robot will use that folder again. */
  readonly ends: boolean;
}

export interface Storage {
  /** The configured state directory. */
  readonly home: string;
  /** The folder that holds the state: `home` or its stand-in. */
  readonly folder: string;
  /** Why `home` cannot be written; undefined if it can. */
  readonly failure: string | undefined;
  /** For the log, if `folder` was open to other users. */
  readonly wasOpen: string | undefined;
  /** At home the stand-in that is left over, if any; in the stand-in `home`. */
  readonly other: OtherFolder | undefined;
  /** Limits a size to what memory can hold. @returns the size itself if the state is at home. */
  atMost(bytes: number): number;
  /** Must be called once the state of `other` is durable in `folder`: at home, deletes the stand-in. */
  settled(): void;
  release(): void;
}

/** The stand-in takes memory from the robot's other programs. The service may use 800 MB (MemoryMax in systemd/elderly-bot.service). */
export const STAND_IN_BYTES = 32 * 1024 ** 2;

/**
 * Opens the state directory, or its stand-in if it cannot be written.
 * @param failure why the state directory cannot be written, if that is known already.
 * @throws AgentError STATE_DIR_LOCKED; STATE_DIR_FOREIGN; STATE_DIR_UNWRITABLE if nothing but the directory's name or permissions is wrong, or if no stand-in
 * can be made.
 */
export function openStorage(home: string, failure?: string): Storage {
  if (failure !== undefined) return openStandIn(home, failure);
  let lock: StateLock | undefined;
  try {
    lock = lockAllState(home);
    probe(home);
    return openHome(home, lock);
  } catch (error) {
    lock?.release();
    const reason = storageFailure(error) ?? missingMount(home, error);
    if (reason === undefined) throw error;
    return openStandIn(home, reason);
  }
}

function openHome(home: string, lock: StateLock): Storage {
  const other = findStandIn(home);
  return {
    home,
    folder: home,
    failure: undefined,
    wasOpen: lock.wasOpen,
    other: other === undefined ? undefined : { folder: other, ends: true },
    atMost: (bytes) => bytes,
    settled: () => {
      if (other !== undefined) rmSync(other, { recursive: true, force: true });
    },
    release: () => lock.release(),
  };
}

function openStandIn(home: string, failure: string): Storage {
  const folder = makeStandIn(home);
  const lock = lockStateDir(folder);
  return {
    home,
    folder,
    failure,
    wasOpen: lock.wasOpen,
    other: { folder: home, ends: false },
    atMost: (bytes) => Math.min(bytes, STAND_IN_BYTES),
    settled: () => {},
    release: () => lock.release(),
  };
}

const PROBE = Buffer.alloc(4_096, 1);

/** Writes to the disk. A full disk is no error here, because the outbox makes space by itself. @throws the file system's error */
function probe(folder: string): void {
  const file = join(folder, 'probe');
  try {
    const descriptor = openSync(file, 'w', 0o600);
    try {
      writeSync(descriptor, PROBE);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    rmSync(file);
  } catch (error) {
    if (!isNoSpace(error)) throw error;
  }
}

/** Errors of a disk or a file system, as opposed to a wrong path or missing permissions. */
const DISK_ERRORS = ['EROFS', 'EIO', 'ENOSPC', 'EDQUOT', 'ESTALE', 'ENODEV', 'ENXIO', 'ENOTCONN', 'EUCLEAN', 'ESHUTDOWN'];
const DATABASE_ERRORS = ['SQLITE_IOERR', 'SQLITE_READONLY', 'SQLITE_CANTOPEN', 'SQLITE_FULL', 'SQLITE_BUSY', 'SQLITE_LOCKED'];

/** @returns a description of the error if it comes from the disk or from the database; otherwise undefined. */
export function storageFailure(error: unknown): string | undefined {
  if (error instanceof AgentError && error.code !== 'STATE_DIR_UNWRITABLE') return undefined;
  const code = codeOf(error instanceof AgentError ? error.cause : error) ?? '';
  const isStorage = DISK_ERRORS.includes(code) || DATABASE_ERRORS.some((each) => code.startsWith(each));
  return isStorage ? messageOf(error) : undefined;
}

/**
 * A state directory that this user may not create is a wrong name, unless a disk should be mounted there.
 * @returns a description of the missing mount; undefined if none is missing.
 */
function missingMount(home: string, error: unknown): string | undefined {
  if (!(error instanceof AgentError) || error.code !== 'STATE_DIR_UNWRITABLE') return undefined;
  const mounted = new Set(fieldsOf('/proc/self/mounts').map(([, point]) => point));
  const wanted = new Set(fieldsOf('/etc/fstab').map(([, point]) => point));
  for (let folder = home; folder !== dirname(folder); folder = dirname(folder)) {
    if (wanted.has(folder) && !mounted.has(folder)) return `${folder} is not mounted (/etc/fstab), so ${messageOf(error)}`;
  }
  return undefined;
}

function fieldsOf(file: string): string[][] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => !line.startsWith('#')).map((line) => line.trim().split(/\s+/));
}
