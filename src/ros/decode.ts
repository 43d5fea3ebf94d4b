// Decodes CDR bytes into a plain object, using a chain of readers that is built once for each type. An element count must fit into the
// remaining bytes, so malformed input causes a RangeError before it can cause a large allocation. (@foxglove/rosmsg2-serialization has a
// reader too, but 12 malformed bytes make that reader allocate 268 MB.)
import { type Field, PRIMITIVE_BYTES, type Primitive, type Struct } from './definition.ts';
import type { RosMessage, RosStamp } from './types.ts';

/** CDR measures alignment from the end of its four-byte header. The second byte of the header gives the byte order. */
const HEADER_BYTES = 4;
const CDR_BIG_ENDIAN = 0;
const CDR_LITTLE_ENDIAN = 1;

export type Decoder = (bytes: Buffer) => RosMessage;
type Reader = (cursor: Cursor) => unknown;

export function compileDecoder(struct: Struct): Decoder {
  const read = structReader(struct);
  return (bytes) => read(new Cursor(bytes)) as RosMessage;
}

class Cursor {
  readonly bytes: Buffer;
  readonly littleEndian: boolean;
  offset: number;

  constructor(bytes: Buffer) {
    const kind = bytes[1];
    if (bytes.length < HEADER_BYTES) throw new RangeError(`${bytes.length} bytes, a message has at least ${HEADER_BYTES}`);
    if (bytes[0] !== 0 || (kind !== CDR_LITTLE_ENDIAN && kind !== CDR_BIG_ENDIAN)) {
      throw new RangeError(`encapsulation 0x${bytes.toString('hex', 0, 2)} is not plain CDR`);
    }
    this.bytes = bytes;
    this.littleEndian = kind === CDR_LITTLE_ENDIAN;
    this.offset = HEADER_BYTES;
  }

  /** Consumes `size` bytes after padding to `alignment`, which must be a power of two. @returns the offset of the first byte. */
  take(size: number, alignment: number): number {
    const start = HEADER_BYTES + ((this.offset - HEADER_BYTES + alignment - 1) & -alignment);
    if (start + size > this.bytes.length) {
      throw new RangeError(`${size} bytes expected at ${start}, the message ends at ${this.bytes.length}`);
    }
    this.offset = start + size;
    return start;
  }

  uint32(): number {
    const start = this.take(4, 4);
    return this.littleEndian ? this.bytes.readUInt32LE(start) : this.bytes.readUInt32BE(start);
  }

  /** Reads a sequence's element count. @throws RangeError if that many elements of `minBytes` each cannot fit into the remaining bytes. */
  count(minBytes: number): number {
    const count = this.uint32();
    const left = this.bytes.length - this.offset;
    if (count * minBytes > left) throw new RangeError(`a sequence of ${count} does not fit into the remaining ${left} bytes`);
    return count;
  }

  string(): string {
    const length = this.uint32();
    const start = this.take(length, 1);
    // The length includes the terminating NUL. Some writers encode an empty string as length 0, without the NUL.
    return length <= 1 ? '' : this.bytes.toString('utf8', start, start + length - 1);
  }
}

type ReadAt<T> = (this: Buffer, at: number) => T;

/** Buffer's own read methods: creating a DataView would take longer than decoding an entire small message. */
const { prototype: buffer } = Buffer;

const PRIMITIVE_READERS: Readonly<Record<Primitive, Reader>> = {
  bool: (cursor) => cursor.bytes[cursor.take(1, 1)] !== 0,
  int8: (cursor) => cursor.bytes.readInt8(cursor.take(1, 1)),
  uint8: (cursor) => cursor.bytes[cursor.take(1, 1)],
  int16: ordered(2, buffer.readInt16LE, buffer.readInt16BE),
  uint16: ordered(2, buffer.readUInt16LE, buffer.readUInt16BE),
  int32: ordered(4, buffer.readInt32LE, buffer.readInt32BE),
  uint32: (cursor) => cursor.uint32(),
  int64: exact(ordered(8, buffer.readBigInt64LE, buffer.readBigInt64BE)),
  uint64: exact(ordered(8, buffer.readBigUInt64LE, buffer.readBigUInt64BE)),
  float32: ordered(4, buffer.readFloatLE, buffer.readFloatBE),
  float64: ordered(8, buffer.readDoubleLE, buffer.readDoubleBE),
};

function ordered<T>(size: number, little: ReadAt<T>, big: ReadAt<T>): (cursor: Cursor) => T {
  return (cursor) => {
    const at = cursor.take(size, size);
    return cursor.littleEndian ? little.call(cursor.bytes, at) : big.call(cursor.bytes, at);
  };
}

function exact(read: (cursor: Cursor) => bigint): Reader {
  return (cursor) => {
    const value = read(cursor);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  };
}

/** These arrays are views of the message's memory. A view must be aligned, so `numbersReader` copies unaligned numbers first. */
const TYPED_ARRAYS = {
  int8: (...at: View) => new Int8Array(...at),
  uint8: (...at: View) => new Uint8Array(...at),
  int16: (...at: View) => new Int16Array(...at),
  uint16: (...at: View) => new Uint16Array(...at),
  int32: (...at: View) => new Int32Array(...at),
  uint32: (...at: View) => new Uint32Array(...at),
  float32: (...at: View) => new Float32Array(...at),
  float64: (...at: View) => new Float64Array(...at),
} as const;
type View = [memory: ArrayBufferLike, start: number, length: number];

function structReader(struct: Struct): Reader {
  // IDL has no empty struct, so ROS 2 encodes an empty message as one uint8 (design.ros2.org, legacy interface definition).
  if (struct.fields.length === 0) {
    return (cursor) => {
      cursor.take(1, 1);
      return {};
    };
  }
  const readers = struct.fields.map((field) => ({ name: field.name, read: fieldReader(field) }));
  return (cursor) => {
    const message: Record<string, unknown> = {};
    for (const { name, read } of readers) message[name] = read(cursor);
    return message;
  };
}

function fieldReader(field: Field): Reader {
  const read = valueReader(field);
  if (field.array === undefined) return read;
  const { length } = field.array;
  const minBytes = minimumBytes(field);
  const count = length === undefined ? (cursor: Cursor) => cursor.count(minBytes) : () => length;
  if (typeof field.type === 'string' && field.type in TYPED_ARRAYS) {
    return numbersReader(field.type as keyof typeof TYPED_ARRAYS, count);
  }
  return (cursor) => {
    const values: unknown[] = [];
    for (let left = count(cursor); left > 0; left -= 1) values.push(read(cursor));
    return values;
  };
}

function valueReader(field: Field): Reader {
  if (typeof field.type !== 'string') return structReader(field.type);
  if (field.type === 'string') return (cursor) => cursor.string();
  if (field.type === 'time' || field.type === 'duration') return readStamp;
  return PRIMITIVE_READERS[field.type];
}

function readStamp(cursor: Cursor): RosStamp {
  return { sec: cursor.uint32() | 0, nanosec: cursor.uint32() };
}

function numbersReader(type: keyof typeof TYPED_ARRAYS, count: (cursor: Cursor) => number): Reader {
  const view = TYPED_ARRAYS[type];
  const size = PRIMITIVE_BYTES[type];
  const readOne = PRIMITIVE_READERS[type];
  return (cursor) => {
    const length = count(cursor);
    if (length === 0) return view(new ArrayBuffer(0), 0, 0);
    if (size > 1 && !cursor.littleEndian) {
      const numbers = view(new ArrayBuffer(length * size), 0, length);
      for (let i = 0; i < length; i += 1) numbers[i] = readOne(cursor) as number;
      return numbers;
    }
    const start = cursor.bytes.byteOffset + cursor.take(length * size, size);
    const memory = cursor.bytes.buffer;
    return start % size === 0 ? view(memory, start, length) : view(memory.slice(start, start + length * size), 0, length);
  };
}

/** @returns the smallest encoded size of one element, at least 1. `Cursor.count` rejects larger counts than the message can hold. */
function minimumBytes(field: Field): number {
  if (typeof field.type === 'string') {
    if (field.type === 'string') return 4;
    return field.type === 'time' || field.type === 'duration' ? 8 : PRIMITIVE_BYTES[field.type];
  }
  const sum = field.type.fields.reduce((bytes, inner) => {
    if (inner.array === undefined) return bytes + minimumBytes(inner);
    return bytes + (inner.array.length === undefined ? 4 : inner.array.length * minimumBytes(inner));
  }, 0);
  return Math.max(1, sum);
}
