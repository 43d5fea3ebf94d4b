// The shared memory of Fast DDS, where somebody was killed.
//
// A node reads from ports, files in /dev/shm that those it hears write to. When it dies they write on for some seconds, to nobody, until
// they see that the port is not read any more; its next life mostly has the same port numbers, and is not heard so long. They look a second
// after they looked last, by the wall clock: where that was set back by an hour since, they look again after that hour, and the next life is
// matched with everybody and hears nothing. So each life notes its ports, and the next one says in them what the others would find out:
// that they are dead. And where another program died, and the next has taken its port's file away, we would go on writing to the file that
// is gone: so that is dead too. No port that anybody reads is ever touched.
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { codeOf } from '../base/index.ts';
import { PORT, portIn, withPort } from './portFile.ts';

/** Held open, and locked, by whoever reads from the port. */
const LOCK = new RegExp(`^${PORT.source}_el$`);
const LOCK_ENDING = '_el';
const OWN_FILES = '/proc/self/fd';
const OWN_MEMORY = '/proc/self/maps';
/** proc_pid_maps(5): ADDRESS PERMISSIONS OFFSET DEVICE INODE PATH */
const MAPPED = new RegExp(` (\\d+) +(${PORT.source})( \\(deleted\\))?$`, 'gm');

interface Port {
  readonly file: string;
  readonly uuid: string;
  /** The lock's inode: who ends in order takes the lock away, and who has the port after that has a lock of its own. */
  readonly lock: number;
}

interface Life {
  readonly pid: number;
  readonly ports: readonly Port[];
}

/** One for each program that has to be heard from its start on; its nodes share it. */
export class SharedPorts {
  readonly #file: string;
  /** By inode. */
  readonly #open = new Map<number, { readonly fd: number; readonly file: string }>();
  #isBuried = false;
  #said: string | undefined;

  /** @param file where a life of the program notes its ports for the next. */
  constructor(file: string) {
    this.#file = file;
  }

  /** Before the first node of this life. @returns how many ports a life before left behind. */
  bury(): number {
    if (this.#isBuried) return 0;
    this.#isBuried = true;
    const before = this.#before();
    if (before === undefined || isRunning(before.pid)) return 0;
    return before.ports.filter(markDead).length;
  }

  /**
   * After each node of this life. That it can't be done is no reason not to run.
   * Again from time to time: a program that was halted may be thought dead, and then gets other ports.
   */
  note(): void {
    const ports = locksHeld().flatMap((held) => {
      const file = held.slice(0, -LOCK_ENDING.length);
      const uuid = withPort(file, 'r', (port) => port.uuid);
      const lock = lockOf(file);
      return uuid === undefined || lock === undefined ? [] : [{ file, uuid, lock }];
    });
    const text = JSON.stringify({ pid: process.pid, ports } satisfies Life);
    if (text === this.#said) return;
    try {
      writeFileSync(`${this.#file}.new`, text, { mode: 0o600 });
      renameSync(`${this.#file}.new`, this.#file);
      this.#said = text;
    } catch {
      // A full disk: the next life may hear nothing for some seconds, as without all this.
    }
  }

  /** From time to time: lets go of ports that this program writes to and whose file is gone. @returns how many. */
  letGo(): number {
    const mapped = portsMapped();
    let gone = 0;
    for (const [inode, { fd, file }] of this.#open) {
      const isGone = mapped.get(inode)?.isGone;
      if (isGone === false) continue;
      if (isGone && markGone(fd, file)) gone++;
      closeSync(fd);
      this.#open.delete(inode);
    }
    for (const [inode, { file, isGone }] of mapped) if (!isGone && !this.#open.has(inode)) this.#hold(file, inode);
    return gone;
  }

  close(): void {
    for (const { fd } of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  /** Once the file is gone it can't be opened any more. */
  #hold(file: string, inode: number): void {
    try {
      const fd = openSync(file, 'r+');
      if (fstatSync(fd).ino === inode) this.#open.set(inode, { fd, file });
      else closeSync(fd);
    } catch {
      // Another user's, or gone in this moment.
    }
  }

  #before(): Life | undefined {
    try {
      const { pid, ports } = JSON.parse(readFileSync(this.#file, 'utf8')) as Partial<Record<keyof Life, unknown>>;
      return typeof pid === 'number' && Array.isArray(ports) ? { pid, ports: ports.filter(isPort) } : undefined;
    } catch {
      return undefined;
    }
  }
}

function isPort(value: unknown): value is Port {
  const { file, uuid, lock } = Object(value) as Partial<Record<keyof Port, unknown>>;
  return typeof file === 'string' && LOCK.test(file + LOCK_ENDING) && typeof uuid === 'string' && typeof lock === 'number';
}

/** In a container each life may have the same id. */
function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

/** Of this process. */
function locksHeld(): readonly string[] {
  const links = readdirOrNone(OWN_FILES).map((fd) => {
    try {
      return readlinkSync(path.join(OWN_FILES, fd));
    } catch {
      return '';
    }
  });
  return links.filter((link) => LOCK.test(link));
}

/** Ports that this process has in its memory, by inode. */
function portsMapped(): Map<number, { readonly file: string; readonly isGone: boolean }> {
  const found = new Map<number, { file: string; isGone: boolean }>();
  for (const [, inode, file = '', , gone] of readOrNone(OWN_MEMORY).matchAll(MAPPED)) {
    found.set(Number(inode), { file, isGone: gone !== undefined });
  }
  return found;
}

function markDead({ file, uuid, lock }: Port): boolean {
  const isMarked = withPort(file, 'r+', (port) => {
    if (port.uuid !== uuid || lockOf(file) !== lock) return false;
    port.markDead();
    return true;
  });
  return isMarked === true;
}

function markGone(fd: number, file: string): boolean {
  try {
    const port = portIn(fd, file);
    port?.markDead();
    return port !== undefined;
  } catch {
    return false;
  }
}

function lockOf(file: string): number | undefined {
  return statSync(file + LOCK_ENDING, { throwIfNoEntry: false })?.ino;
}

function readdirOrNone(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readOrNone(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
