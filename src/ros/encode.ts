// Encodes a plain object into CDR bytes. An unknown field, a wrong type or a number out of range causes a ROS_MESSAGE_INVALID error that
// names the field and the expected type. An omitted field gets the default from its definition, else zero.
// (@foxglove/rosmsg2-serialization has a writer too, but it measures strings in characters instead of UTF-8 bytes and would cut off the end
// of "Frau Müller".)
import { AgentError } from '../errors.ts';
import { describeType, type Field, PRIMITIVE_BYTES, type Primitive, type Struct } from './definition.ts';
import type { RosMessage, RosStamp } from './types.ts';

export type Encoder = (message: RosMessage) => Buffer;
type Writer = (sink: Sink, value: unknown, path: string) => void;

/** Plain little-endian CDR without options. Alignment is measured from the end of this header. */
const HEADER = Uint8Array.of(0, 1, 0, 0);

/** The inclusive ranges of the integer types. */
const LIMITS = {
  int8: [-(2n ** 7n), 2n ** 7n - 1n],
  uint8: [0n, 2n ** 8n - 1n],
  int16: [-(2n ** 15n), 2n ** 15n - 1n],
  uint16: [0n, 2n ** 16n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
} as const;

/** @returns an encoder that throws AgentError ROS_MESSAGE_INVALID if the message does not match the type. */
export function compileEncoder(struct: Struct): Encoder {
  const write = structWriter(struct, struct.name);
  return (message) => {
    const sink = new Sink();
    write(sink, message, '');
    return sink.bytes.subarray(0, sink.offset);
  };
}

class Sink {
  bytes = Buffer.alloc(128);
  offset = HEADER.length;

  constructor() {
    this.bytes.set(HEADER);
  }

  /** Reserves `size` bytes after zero padding to `alignment`, which must be a power of two. @returns the offset of the first byte. */
  place(size: number, alignment: number): number {
    const start = HEADER.length + ((this.offset - HEADER.length + alignment - 1) & -alignment);
    this.offset = start + size;
    if (this.offset > this.bytes.length) {
      const larger = Buffer.alloc(Math.max(this.offset, this.bytes.length * 2));
      this.bytes.copy(larger);
      this.bytes = larger;
    }
    return start;
  }
}

type Put = (bytes: Buffer, at: number, value: never) => void;

const PUT: Readonly<Record<Primitive, Put>> = {
  bool: (bytes, at, value: boolean) => bytes.writeUInt8(value ? 1 : 0, at),
  int8: (bytes, at, value: number) => bytes.writeInt8(value, at),
  uint8: (bytes, at, value: number) => bytes.writeUInt8(value, at),
  int16: (bytes, at, value: number) => bytes.writeInt16LE(value, at),
  uint16: (bytes, at, value: number) => bytes.writeUInt16LE(value, at),
  int32: (bytes, at, value: number) => bytes.writeInt32LE(value, at),
  uint32: (bytes, at, value: number) => bytes.writeUInt32LE(value, at),
  int64: (bytes, at, value: number | bigint) => bytes.writeBigInt64LE(BigInt(value), at),
  uint64: (bytes, at, value: number | bigint) => bytes.writeBigUInt64LE(BigInt(value), at),
  float32: (bytes, at, value: number) => bytes.writeFloatLE(value, at),
  float64: (bytes, at, value: number) => bytes.writeDoubleLE(value, at),
};

function put(sink: Sink, type: Primitive, value: unknown): void {
  const size = PRIMITIVE_BYTES[type];
  // Must run before `sink.bytes` is read, because `place` may replace the buffer with a larger one.
  const at = sink.place(size, size);
  PUT[type](sink.bytes, at, value as never);
}

function structWriter(struct: Struct, root: string): Writer {
  if (struct.fields.length === 0) {
    return (sink, value, path) => {
      requireFields(struct, value, path, root);
      put(sink, 'uint8', 0);
    };
  }
  const writers = struct.fields.map((field) => ({ name: field.name, write: fieldWriter(field, root) }));
  return (sink, value, path) => {
    const message = requireFields(struct, value, path, root);
    for (const { name, write } of writers) write(sink, message[name], path === '' ? name : `${path}.${name}`);
  };
}

function requireFields(struct: Struct, value: unknown, path: string, root: string): RosMessage {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) {
    throw invalid(root, path === '' ? 'the message' : `field ${path}`, value, `an object with the fields of ${struct.name}`);
  }
  const names = struct.fields.map((field) => field.name);
  const unknown = Object.keys(value).find((key) => !names.includes(key));
  if (unknown === undefined) return value as RosMessage;
  const field = path === '' ? unknown : `${path}.${unknown}`;
  throw new AgentError('ROS_MESSAGE_INVALID', `${root} has no field ${field}, expected one of: ${names.join(', ') || 'none'}`, {
    fields: { type: root, field },
  });
}

function fieldWriter(field: Field, root: string): Writer {
  const write = valueWriter(field, root);
  if (field.array === undefined) return (sink, value, path) => write(sink, value ?? field.default, path);
  const { length, max } = field.array;
  return (sink, value, path) => {
    const values = value ?? field.default ?? new Array(length ?? 0).fill(undefined);
    const isList = Array.isArray(values) || (ArrayBuffer.isView(values) && 'length' in values);
    const list = values as ArrayLike<unknown>;
    if (!isList || (length !== undefined && list.length !== length) || (max !== undefined && list.length > max)) {
      throw invalid(root, `field ${path}`, values, describeType(field));
    }
    if (length === undefined) put(sink, 'uint32', list.length);
    for (let i = 0; i < list.length; i += 1) write(sink, list[i], `${path}[${i}]`);
  };
}

function valueWriter(field: Field, root: string): Writer {
  const { array: _array, ...single } = field;
  const { type } = single;
  if (typeof type !== 'string') return structWriter(type, root);
  const expected = describeType(single);
  if (type === 'string') return stringWriter(field.maxCharacters, expected, root);
  if (type === 'time' || type === 'duration') return stampWriter(expected, root);
  return (sink, value, path) => {
    const primitive = value ?? (type === 'bool' ? false : 0);
    if (!fits(type, primitive)) throw invalid(root, `field ${path}`, value, expected);
    put(sink, type, primitive);
  };
}

function stringWriter(maxCharacters: number | undefined, expected: string, root: string): Writer {
  return (sink, value, path) => {
    const text = value ?? '';
    // Receivers written in C would see the string end at an embedded NUL.
    if (typeof text !== 'string' || text.includes('\0') || (maxCharacters !== undefined && text.length > maxCharacters)) {
      throw invalid(root, `field ${path}`, value, expected);
    }
    const size = Buffer.byteLength(text) + 1;
    put(sink, 'uint32', size);
    const at = sink.place(size, 1);
    sink.bytes.write(text, at);
  };
}

function stampWriter(expected: string, root: string): Writer {
  return (sink, value, path) => {
    const { sec, nanosec } = (value ?? { sec: 0, nanosec: 0 }) as Partial<RosStamp>;
    if (!fits('int32', sec) || !fits('uint32', nanosec)) throw invalid(root, `field ${path}`, value, `${expected} as {sec, nanosec}`);
    put(sink, 'int32', sec);
    put(sink, 'uint32', nanosec);
  };
}

function fits(type: Primitive, value: unknown): boolean {
  if (type === 'bool') return typeof value === 'boolean';
  if (type === 'float32' || type === 'float64') return typeof value === 'number';
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) return false;
  const [least, most] = LIMITS[type];
  return (value as number | bigint) >= least && (value as number | bigint) <= most;
}

function invalid(root: string, field: string, value: unknown, expected: string): AgentError {
  return new AgentError('ROS_MESSAGE_INVALID', `${root}: ${field} is ${describeValue(value)}, expected ${expected}`, {
    remedy: `see its fields: elderly-bot topics show ${root}`,
    fields: { type: root },
  });
}

function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return `an array of ${(value as unknown as ArrayLike<unknown>).length}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
