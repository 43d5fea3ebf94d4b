// Repairs the shared memory of Fast DDS after a program was killed. Off by default (`ros.repair_shared_memory`); the decision is in
// docs/adr/0002-shared-memory-repair.md.
//
// A node reads from ports: files in /dev/shm into which the publishers write. After the death of a reader, publishers write into its port
// until they notice that it has no reader. They check one second after their last check, by the wall clock. If the clock was set back by an
// hour in between, the next check comes after that hour; the restarted program mostly has the same port numbers, is matched and receives
// nothing. So each run records its ports, and the next run marks them as stale, which is the result that the check would have.
// The other direction: if another program died and its successor replaced the port's file, this program would go on writing into the
// deleted file; such a port is marked as stale too. A port that a program reads is never changed.
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { codeOf } from '../../base/index.ts';
import { PORT, portIn, withPort } from './portFile.ts';

/** The reader of a port holds this file open and locked. */
const LOCK = new RegExp(`^${PORT.source}_el$`);
const LOCK_ENDING = '_el';
const OWN_FILES = '/proc/self/fd';
const OWN_MEMORY = '/proc/self/maps';
/** proc_pid_maps(5): ADDRESS PERMISSIONS OFFSET DEVICE INODE PATH */
const MAPPED = new RegExp(` (\\d+) +(${PORT.source})( \\(deleted\\))?$`, 'gm');

interface Port {
  readonly file: string;
  readonly uuid: string;
  /** Inode of the lock: an orderly end deletes the lock, and the next reader of the port makes a new one. */
  readonly lock: number;
}

interface Run {
  readonly pid: number;
  readonly ports: readonly Port[];
}

/** Without it a port with a dead reader is noticed within three seconds, unless the clock was set back. */
const REPAIR_EVERY_MS = 5_000;

/** One for each program; the nodes of the program share it. */
export class SharedMemoryRepair {
  readonly #file: string;
  /** By inode. */
  readonly #open = new Map<number, { readonly fd: number; readonly file: string }>();
  #isMarked = false;
  #recorded: string | undefined;

  /** @param file in which a run of the program records its ports for the next run. */
  constructor(file: string) {
    this.#file = file;
  }

  /** Call this before creating the first node of a run. @returns the number of ports that the previous run left behind. */
  markStale(): number {
    if (this.#isMarked) return 0;
    this.#isMarked = true;
    const previous = this.#previous();
    if (previous === undefined || isRunning(previous.pid)) return 0;
    return previous.ports.filter(markUnlessReplaced).length;
  }

  /** Records and releases now and every five seconds. @returns a function that ends this and closes the files. */
  start(): () => void {
    const repair = () => {
      this.record();
      this.release();
    };
    repair();
    const timer = setInterval(repair, REPAIR_EVERY_MS);
    timer.unref();
    return () => {
      clearInterval(timer);
      this.#close();
    };
  }

  /**
   * After the start of each node, and again later: publishers may take a halted program for dead, and it then gets other ports.
   * A failure does not stop the program.
   */
  record(): void {
    const ports = heldLocks().flatMap((held) => {
      const file = held.slice(0, -LOCK_ENDING.length);
      const uuid = withPort(file, 'r', (port) => port.uuid);
      const lock = lockOf(file);
      return uuid === undefined || lock === undefined ? [] : [{ file, uuid, lock }];
    });
    const text = JSON.stringify({ pid: process.pid, ports } satisfies Run);
    if (text === this.#recorded) return;
    try {
      writeFileSync(`${this.#file}.new`, text, { mode: 0o600 });
      renameSync(`${this.#file}.new`, this.#file);
      this.#recorded = text;
    } catch {
      // The disk is full: the next run may hear nothing for some seconds, as without the repair.
    }
  }

  /** Marks the ports that this program writes into and whose file was deleted, so that Fast DDS opens them again. @returns their number. */
  release(): number {
    const mapped = mappedPorts();
    let released = 0;
    for (const [inode, { fd, file }] of this.#open) {
      const isDeleted = mapped.get(inode)?.isDeleted;
      if (isDeleted === false) continue;
      if (isDeleted && markDeleted(fd, file)) released++;
      closeSync(fd);
      this.#open.delete(inode);
    }
    for (const [inode, { file, isDeleted }] of mapped) if (!isDeleted && !this.#open.has(inode)) this.#hold(file, inode);
    return released;
  }

  #close(): void {
    for (const { fd } of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  /** Opened in advance, because a deleted file cannot be opened. */
  #hold(file: string, inode: number): void {
    try {
      const fd = openSync(file, 'r+');
      if (fstatSync(fd).ino === inode) this.#open.set(inode, { fd, file });
      else closeSync(fd);
    } catch {
      // The file of another user, or deleted in this moment.
    }
  }

  #previous(): Run | undefined {
    try {
      const { pid, ports } = JSON.parse(readFileSync(this.#file, 'utf8')) as Partial<Record<keyof Run, unknown>>;
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

/** In a container each run may have the same process id. */
function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

/** Lock files that this process holds open. */
function heldLocks(): readonly string[] {
  const links = filesIn(OWN_FILES).map((fd) => {
    try {
      return readlinkSync(path.join(OWN_FILES, fd));
    } catch {
      return '';
    }
  });
  return links.filter((link) => LOCK.test(link));
}

/** Ports in the memory of this process, by inode. */
function mappedPorts(): Map<number, { readonly file: string; readonly isDeleted: boolean }> {
  const found = new Map<number, { file: string; isDeleted: boolean }>();
  for (const [, inode, file = '', , deleted] of textOf(OWN_MEMORY).matchAll(MAPPED)) {
    found.set(Number(inode), { file, isDeleted: deleted !== undefined });
  }
  return found;
}

function markUnlessReplaced({ file, uuid, lock }: Port): boolean {
  const isMarked = withPort(file, 'r+', (port) => {
    if (port.uuid !== uuid || lockOf(file) !== lock) return false;
    port.markStale();
    return true;
  });
  return isMarked === true;
}

function markDeleted(fd: number, file: string): boolean {
  try {
    const port = portIn(fd, file);
    port?.markStale();
    return port !== undefined;
  } catch {
    return false;
  }
}

function lockOf(file: string): number | undefined {
  return statSync(file + LOCK_ENDING, { throwIfNoEntry: false })?.ino;
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
