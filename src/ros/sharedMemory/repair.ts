// Repairs the shared memory of Fast DDS after a program was killed. Off by default (`ros.repair_shared_memory`); the decision is in
// docs/adr/0002-shared-memory-repair.md.
//
// A node reads from ports: files in /dev/shm into which the publishers write. After the death of a reader, publishers write into its port
// until they notice the death. They check one second after their last check, by the wall clock. If the clock was set back by an hour in
// between, they check again only after that hour. The restarted program usually gets the same port numbers. Publishers match it, but it
// receives nothing. So each run records its ports, and the next run marks them as stale, which is also the result of the publishers' check.
// The opposite case: another program died, and its successor replaced the file of the port. This program would continue to write into the
// deleted file, so it marks such a port as stale too. It never changes a port that a program reads.
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { codeOf, every, parseJson } from '../../base/index.ts';
import { PORT, portIn, withPort } from './portFile.ts';

/** The reader of a port holds this file open and locked. */
const LOCK = new RegExp(`^${PORT.source}_el$`);
const LOCK_ENDING = '_el';
const OWN_FILES = '/proc/self/fd';
const OWN_MEMORY = '/proc/self/maps';
/** A line of proc_pid_maps(5): ADDRESS PERMISSIONS OFFSET DEVICE INODE PATH */
const MAPPED = new RegExp(` (\\d+) +(${PORT.source})( \\(deleted\\))?$`, 'gm');

interface Port {
  readonly file: string;
  readonly uuid: string;
  /** The inode of the lock. An orderly end deletes the lock, and the next reader of the port creates a new lock. */
  readonly lock: number;
}

interface Run {
  readonly pid: number;
  readonly ports: readonly Port[];
}

/** Without the repair, Fast DDS notices a port with a dead reader within three seconds, unless the clock was set back. */
const REPAIR_EVERY_MS = 5_000;

/** All nodes of a program share one repair. */
export class SharedMemoryRepair {
  readonly #file: string;
  /** The key is the inode of the port's file. */
  readonly #open = new Map<number, { readonly fd: number; readonly file: string }>();
  #isMarked = false;
  #recorded: string | undefined;

  /** @param file the file in which a run of the program records its ports for the next run. */
  constructor(file: string) {
    this.#file = file;
  }

  /** The caller must call this before it creates the first node of a run. @returns the number of ports of the previous run that it marked. */
  markStale(): number {
    if (this.#isMarked) return 0;
    this.#isMarked = true;
    const previous = this.#previous();
    if (previous === undefined || isRunning(previous.pid)) return 0;
    return previous.ports.filter(markUnlessReplaced).length;
  }

  /** Records and releases ports now and every five seconds. @returns a function that ends the repair and closes the files. */
  start(): () => void {
    const repair = () => {
      this.#record();
      this.release();
    };
    repair();
    const ticker = every(REPAIR_EVERY_MS, repair);
    return () => {
      ticker.stop();
      for (const { fd } of this.#open.values()) closeSync(fd);
      this.#open.clear();
    };
  }

  /** Repeats while the program runs: publishers may treat a halted program as dead, and it then gets other ports. */
  #record(): void {
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
      // The disk is full. The next run may receive nothing for some seconds, as without the repair.
    }
  }

  /** Marks the deleted ports into which this program writes, so that Fast DDS opens them again. @returns the number of these ports. */
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

  /** Opens the file in advance, because a deleted file cannot be opened. */
  #hold(file: string, inode: number): void {
    try {
      const fd = openSync(file, 'r+');
      if (fstatSync(fd).ino === inode) this.#open.set(inode, { fd, file });
      else closeSync(fd);
    } catch {
      // The file belongs to another user, or it was deleted at this moment.
    }
  }

  #previous(): Run | undefined {
    const text = attempt(() => readFileSync(this.#file, 'utf8'), undefined);
    const { pid, ports } = Object(parseJson(text)) as Partial<Record<keyof Run, unknown>>;
    return typeof pid === 'number' && Array.isArray(ports) ? { pid, ports: ports.filter(isPort) } : undefined;
  }
}

function isPort(value: unknown): value is Port {
  const { file, uuid, lock } = Object(value) as Partial<Record<keyof Port, unknown>>;
  return typeof file === 'string' && LOCK.test(file + LOCK_ENDING) && typeof uuid === 'string' && typeof lock === 'number';
}

/** In a container each run may have the same process id, so our own id does not mean that the previous run is alive. */
function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

/** @returns the lock files that this process holds open. */
function heldLocks(): readonly string[] {
  const fds = attempt(() => readdirSync(OWN_FILES), []);
  return fds.map((fd) => attempt(() => readlinkSync(path.join(OWN_FILES, fd)), '')).filter((link) => LOCK.test(link));
}

/** @returns the ports in the memory of this process, by inode. */
function mappedPorts(): Map<number, { readonly file: string; readonly isDeleted: boolean }> {
  const maps = attempt(() => readFileSync(OWN_MEMORY, 'latin1'), '');
  return new Map(
    [...maps.matchAll(MAPPED)].map(([, inode, file = '', , deleted]) => [Number(inode), { file, isDeleted: deleted !== undefined }]),
  );
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
  return attempt(() => {
    const port = portIn(fd, file);
    port?.markStale();
    return port !== undefined;
  }, false);
}

function lockOf(file: string): number | undefined {
  return statSync(file + LOCK_ENDING, { throwIfNoEntry: false })?.ino;
}

/** @returns `otherwise` if the file system reports an error. */
function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
