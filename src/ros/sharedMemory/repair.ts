// Repairs Fast DDS' shared memory after a program has been killed. Off by default (`ros.repair_shared_memory`); see
// docs/adr/0002-shared-memory-repair.md for the reasons.
//
// A node reads from ports, which are files in /dev/shm that the publishers write to. If a reader dies, publishers keep writing to its port
// until they notice. They check each port one second after the previous check, by the wall clock: if the clock is set back by an hour in
// between, the next check is an hour away. The restarted program usually gets the same port numbers, so publishers match it, but it
// receives nothing. Therefore each run records its ports, and the next run marks them as stale, as the publishers' own check would.
// The opposite case: another program dies and its successor replaces the port's file. This program would keep writing to the deleted file,
// so it marks such a port as stale too. It never changes a port that another program is reading.
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { codeOf, every, parseJson } from '../../base/index.ts';
import { PORT, portIn, withPort } from './portFile.ts';

/** A port's reader holds this file open and locked. */
const LOCK = new RegExp(`^${PORT.source}_el$`);
const LOCK_ENDING = '_el';
const OWN_FILES = '/proc/self/fd';
const OWN_MEMORY = '/proc/self/maps';
/** A line of /proc/self/maps (proc_pid_maps(5)): ADDRESS PERMISSIONS OFFSET DEVICE INODE PATH */
const MAPPED = new RegExp(` (\\d+) +(${PORT.source})( \\(deleted\\))?$`, 'gm');

interface Port {
  readonly file: string;
  readonly uuid: string;
  /** The lock file's inode. A clean shutdown deletes the lock file, and the port's next reader creates a new one. */
  readonly lock: number;
}

interface Run {
  readonly pid: number;
  readonly ports: readonly Port[];
}

/** Need not be short: Fast DDS itself notices a dead reader within three seconds unless the clock has been set back. */
const REPAIR_EVERY_MS = 5_000;

/** One instance must serve all nodes of the program. */
export class SharedMemoryRepair {
  readonly #file: string;
  /** Keyed by the inode of the port's file. */
  readonly #open = new Map<number, { readonly fd: number; readonly file: string }>();
  #isMarked = false;
  #recorded: string | undefined;

  /** @param file where each run records its ports for the next run. */
  constructor(file: string) {
    this.#file = file;
  }

  /** Must be called before the run's first node is created. @returns how many of the previous run's ports were marked. */
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

  /** Must run periodically: while the process is suspended, publishers may treat it as dead, and it then gets other ports. */
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
      // Usually the disk is full. As without the repair, the next run may then receive nothing for some seconds.
    }
  }

  /** Marks the deleted ports that this program still writes to, so that Fast DDS opens them again. @returns how many were marked. */
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

  /** Opens the file while it exists, because once it has been deleted it can no longer be opened. */
  #hold(file: string, inode: number): void {
    try {
      const fd = openSync(file, 'r+');
      if (fstatSync(fd).ino === inode) this.#open.set(inode, { fd, file });
      else closeSync(fd);
    } catch {
      // The file belongs to another user or has just been deleted.
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

/** In a container, every run may have the same process id, so finding our own id does not mean that the previous run is alive. */
function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

/** @returns the paths of the lock files that this process has open. */
function heldLocks(): readonly string[] {
  const fds = attempt(() => readdirSync(OWN_FILES), []);
  return fds.map((fd) => attempt(() => readlinkSync(path.join(OWN_FILES, fd)), '')).filter((link) => LOCK.test(link));
}

/** @returns the port files mapped into this process, keyed by inode. */
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

/** @returns the result of `read`, or `otherwise` if it throws. */
function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
