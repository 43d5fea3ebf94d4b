// Reads the file of a port in Fast DDS' shared memory, and marks the port as stale: it has no reader. A publisher then opens the port again
// with its next message. This is the only change that the program makes to the file. The layout is that of Fast DDS 2.6 to 3.6 (PortNode in
// SharedMemGlobal.hpp). A file with another layout stays unchanged.
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { endianness } from 'node:os';

/** The path of a port. The first group is the port number. */
export const PORT = /\/dev\/shm\/fast(?:dds|rtps)_port(\d+)/;

/** The file begins with its allocator. The PortNode follows (at 256 in Fast DDS 3.2). */
const HEAD_BYTES = 4_096;
const ALIGNED_BYTES = 8;
/** Byte offsets of the PortNode fields, which are all uint32 except uuid. Bit 0 of the flags says that the port is healthy. */
const NODE = { portId: 20, checkEveryMs: 28, waitMs: 32, flags: 44, uuid: 48, bytes: 56 } as const;
const HEALTHY = 1;

interface PortFile {
  /** A random number from the creation of the port, in hexadecimal. */
  readonly uuid: string;
  markStale(): void;
}

/** @returns undefined if the file does not exist, belongs to another user or is not a port of a known layout. */
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

/** @param file the path at which the file was opened. @throws the error of the file system. */
export function portIn(fd: number, file: string): PortFile | undefined {
  const portId = Number(PORT.exec(file)?.[1]);
  if (endianness() !== 'LE' || Number.isNaN(portId)) return undefined;
  const whole = Buffer.alloc(HEAD_BYTES);
  const head = whole.subarray(0, readSync(fd, whole, 0, HEAD_BYTES, 0));
  const at = nodeIn(head, portId);
  if (at === undefined) return undefined;
  return {
    uuid: head.toString('hex', at + NODE.uuid, at + NODE.bytes),
    markStale: () => {
      const flags = Buffer.alloc(4);
      flags.writeUInt32LE((head.readUInt32LE(at + NODE.flags) & ~HEALTHY) >>> 0);
      writeSync(fd, flags, 0, flags.length, at + NODE.flags);
    },
  };
}

/** Finds the PortNode by its port number and two of its times: Fast DDS sets `waitMs` to a third of `checkEveryMs`. */
function nodeIn(head: Buffer, portId: number): number | undefined {
  for (let at = 0; at + NODE.bytes <= head.length; at += ALIGNED_BYTES) {
    const checkEveryMs = head.readUInt32LE(at + NODE.checkEveryMs);
    const hasTimes = checkEveryMs > 0 && head.readUInt32LE(at + NODE.waitMs) === Math.floor(checkEveryMs / 3);
    if (hasTimes && head.readUInt32LE(at + NODE.portId) === portId) return at;
  }
  return undefined;
}
