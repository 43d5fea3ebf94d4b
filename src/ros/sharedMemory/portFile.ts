// Reads a port's file in Fast DDS' shared memory and can mark the port as stale, which means that it has no reader. A publisher then opens
// the port again before its next message. This flag is the only thing that the program changes in the file. The layout is that of Fast DDS
// 2.6 to 3.6 (PortNode in SharedMemGlobal.hpp). Files with any other layout are left alone.
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { endianness } from 'node:os';

/** Matches a port's path. The first group is the port number. */
export const PORT = /\/dev\/shm\/fast(?:dds|rtps)_port(\d+)/;

/** Bytes to search for the PortNode, which follows the file's allocator (at offset 256 in Fast DDS 3.2). */
const HEAD_BYTES = 4_096;
const ALIGNED_BYTES = 8;
/** Byte offsets of PortNode fields. All are uint32 except uuid. If bit 0 of the flags is set, the port is healthy. */
const NODE = { portId: 20, checkEveryMs: 28, waitMs: 32, flags: 44, uuid: 48, bytes: 56 } as const;
const HEALTHY = 1;

interface PortFile {
  /** Random bytes in hexadecimal, chosen when the port was created. */
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

/** @param file the path that was opened as `fd`; it contains the port number. @throws the file system's error. */
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

/** Finds the PortNode by its port number and two timeouts, because Fast DDS always sets `waitMs` to a third of `checkEveryMs`. */
function nodeIn(head: Buffer, portId: number): number | undefined {
  for (let at = 0; at + NODE.bytes <= head.length; at += ALIGNED_BYTES) {
    const checkEveryMs = head.readUInt32LE(at + NODE.checkEveryMs);
    const hasTimes = checkEveryMs > 0 && head.readUInt32LE(at + NODE.waitMs) === Math.floor(checkEveryMs / 3);
    if (hasTimes && head.readUInt32LE(at + NODE.portId) === portId) return at;
  }
  return undefined;
}
