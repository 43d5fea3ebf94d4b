// Takes samples together with their origin. rclnodejs gives the origin only with the message as a C struct, so the bytes are serialized
// again. One struct per message type serves all subscriptions: the middleware frees or reuses the strings and sequences of the previous
// message, so nothing leaks. docs/adr/0023-read-alerts-with-three-readers.md gives the reasons.
import type { Codec } from '../codec.ts';
import { PRIMITIVE_BYTES, type Struct } from '../definition.ts';
import type { Origin } from '../merge.ts';
import type { NativeBinding, NativeHandle, NativeMessageInfo } from './functions.ts';

/** No member of the C struct is aligned to more bytes than this, so members of a multiple of this size need no padding. */
const ALIGNMENT = 8;

/** A string or a sequence is a pointer and two sizes of 8 bytes. Doubled, in case a later ROS adds members. */
const POINTERS_BYTES = 48;

/** The least size of the buffer. It leaves space if the installed library was built from a definition with more fields. */
const LEAST_BYTES = 4_096;

export class MessageStruct {
  readonly #binding: NativeBinding;
  readonly #codec: Codec;
  readonly #memory: Buffer;

  constructor(binding: NativeBinding, codec: Codec) {
    this.#binding = binding;
    this.#codec = codec;
    this.#memory = Buffer.alloc(LEAST_BYTES + structBytes(codec.struct));
  }

  /** Takes a sample. @returns undefined if none waits, or if the middleware discarded a sample that is not of this type. */
  take(subscription: NativeHandle): Origin | undefined {
    const info = this.#binding.rclTakeWithInfo(subscription, this.#memory);
    return info && originOf(info);
  }

  /** @returns the serialized message that `take` took last. */
  bytes(): Buffer {
    const { pkg, name } = this.#codec.type;
    return this.#binding.serialize(pkg, 'msg', name, this.#memory);
  }
}

/** @returns an upper limit on the size of the C struct. */
export function structBytes({ fields }: Struct): number {
  return fields.reduce((sum, { type, array }) => {
    if (array !== undefined && array.length === undefined) return sum + POINTERS_BYTES;
    return sum + elementBytes(type) * (array?.length ?? 1);
  }, ALIGNMENT);
}

function elementBytes(type: Struct['fields'][number]['type']): number {
  if (typeof type !== 'string') return structBytes(type);
  if (type === 'string') return POINTERS_BYTES;
  return type === 'time' || type === 'duration' ? 8 : Math.max(PRIMITIVE_BYTES[type], ALIGNMENT);
}

function originOf({ publisher_gid: gid, publication_sequence_number: sequence, source_timestamp: stamp }: NativeMessageInfo): Origin {
  const isNumbered = sequence > 0n;
  return { publisher: gid.toString('hex'), order: isNumbered ? sequence : stamp, isNumbered };
}
