// A port of Fast DDS's shared memory as a file: which one it is, and the one thing that is ever written in it, that nobody reads it any
// more. Who writes to it then opens it anew with the next message. The layout is that of Fast DDS 2.6 to 3.6 (PortNode in
// SharedMemGlobal.hpp); a file of another make is left alone.
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { endianness } from 'node:os';

/** Its path; the port's number is the first group. */
export const PORT = /\/dev\/shm\/fast(?:dds|rtps)_port(\d+)/;

/** The file begins with its allocator and the node (at 256 in Fast DDS 3.2). */
const LOOKED_AT_BYTES = 4_096;
const ALIGNED_BYTES = 8;
/** Where what is in a node, all uint32 but the id. Bit 0 of the flags: the port is in order. */
const NODE = { portId: 20, lookEveryMs: 28, waitMs: 32, flags: 44, uuid: 48, bytes: 56 } as const;
const IN_ORDER = 1;

export interface PortFile {
  /** Given to the port when it was made, at random. */
  readonly uuid: string;
  markDead(): void;
}

/** Undefined where the file is not there, is another user's, or is no port that is known here. */
export function withPort<T>(file: string, mode: 'r' | 'r+', use: (port: PortFile) => T): T | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(file, mode);
    const port = portIn(fd, file);
    return port && use(port);
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** @param file the path it was opened by. @throws what the file system says. */
export function portIn(fd: number, file: string): PortFile | undefined {
  const portId = Number(PORT.exec(file)?.[1]);
  if (endianness() !== 'LE' || Number.isNaN(portId)) return undefined;
  const whole = Buffer.alloc(LOOKED_AT_BYTES);
  const head = whole.subarray(0, readSync(fd, whole, 0, LOOKED_AT_BYTES, 0));
  const at = nodeIn(head, portId);
  if (at === undefined) return undefined;
  return {
    uuid: head.toString('hex', at + NODE.uuid, at + NODE.bytes),
    markDead: () => {
      const flags = Buffer.alloc(4);
      flags.writeUInt32LE((head.readUInt32LE(at + NODE.flags) & ~IN_ORDER) >>> 0);
      writeSync(fd, flags, 0, flags.length, at + NODE.flags);
    },
  };
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
