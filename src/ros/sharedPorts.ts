// What this program's nodes leave in the shared memory of Fast DDS when they are killed, and what its next life does about it.
//
// A node reads from ports, files in /dev/shm that the nodes it hears write to. When it dies they write on for some seconds, to nobody,
// until they see that the port is not read any more; the next life mostly has the same port numbers, and is not heard so long. They look a
// second after they looked last, by the wall clock: where that was set back by an hour since, they look again after that hour, and the
// next life is matched with everybody and hears nothing (Fast DDS 2.6 to 3.6, SharedMemGlobal.hpp). So each life notes its ports, and the
// next one says in them what the others would find out: that they are dead. They then open them anew with their next message. No other
// program's port is ever touched: the one noted is known by the random id that it was made with.
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { endianness } from 'node:os';
import path from 'node:path';
import { codeOf } from '../errors.ts';

/** Held open, and locked, by whoever reads from the port. */
const LOCK = /^\/dev\/shm\/fast(?:dds|rtps)_port\d+_el$/;
const LOCK_ENDING = '_el';
const OWN_FILES = '/proc/self/fd';

/** A port's file begins with its allocator and the node (at 256 in Fast DDS 3.2). */
const LOOKED_AT_BYTES = 4_096;
const ALIGNED_BYTES = 8;
/** Where what is in a node, all uint32 but the id. Bit 0 of the flags: the port is in order. */
const NODE = { portId: 20, lookEveryMs: 28, waitMs: 32, flags: 44, uuid: 48, bytes: 56 } as const;
const IN_ORDER = 1;

interface Port {
  readonly file: string;
  /** Given to the port when it was made. */
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
   * After each node of this life, and again from time to time: a program that was halted may be thought dead, and then gets another port.
   * That it can't be done is no reason not to run.
   */
  note(): void {
    const ports = locksHeld().flatMap((held) => {
      const file = held.slice(0, -LOCK_ENDING.length);
      const uuid = withNode(file, 'r', (_fd, head, at) => uuidAt(head, at));
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

function markDead({ file, uuid, lock }: Port): boolean {
  const isMarked = withNode(file, 'r+', (fd, head, at) => {
    if (uuidAt(head, at) !== uuid || lockOf(file) !== lock) return false;
    const flags = Buffer.alloc(4);
    flags.writeUInt32LE((head.readUInt32LE(at + NODE.flags) & ~IN_ORDER) >>> 0);
    return writeSync(fd, flags, 0, flags.length, at + NODE.flags) === flags.length;
  });
  return isMarked === true;
}

/** Undefined where the file is not there, is another user's, or is not of the make that is known here. */
function withNode<T>(file: string, mode: 'r' | 'r+', use: (fd: number, head: Buffer, at: number) => T): T | undefined {
  if (endianness() !== 'LE') return undefined;
  let fd: number | undefined;
  try {
    fd = openSync(file, mode);
    const head = Buffer.alloc(LOOKED_AT_BYTES);
    const at = nodeIn(head.subarray(0, readSync(fd, head, 0, LOOKED_AT_BYTES, 0)), Number(/\d+$/.exec(file)?.[0]));
    return at === undefined ? undefined : use(fd, head, at);
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Known by its port's number, and by two times of which Fast DDS makes one a third of the other. */
function nodeIn(head: Buffer, portId: number): number | undefined {
  for (let at = 0; at + NODE.bytes <= head.length; at += ALIGNED_BYTES) {
    const lookEveryMs = head.readUInt32LE(at + NODE.lookEveryMs);
    const isNode =
      head.readUInt32LE(at + NODE.portId) === portId &&
      lookEveryMs > 0 &&
      head.readUInt32LE(at + NODE.waitMs) === Math.floor(lookEveryMs / 3);
    if (isNode) return at;
  }
  return undefined;
}

function lockOf(file: string): number | undefined {
  return statSync(file + LOCK_ENDING, { throwIfNoEntry: false })?.ino;
}

function uuidAt(head: Buffer, at: number): string {
  return head.toString('hex', at + NODE.uuid, at + NODE.bytes);
}

function readdirOrNone(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
