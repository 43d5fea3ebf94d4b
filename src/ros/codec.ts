// Encoders and decoders by message type. Each is built at its first use.
import { compileDecoder, type Decoder } from './decode.ts';
import { defineStruct, type Struct } from './definition.ts';
import { compileEncoder, type Encoder } from './encode.ts';
import type { DefinitionSource } from './installed.ts';
import { parseTypeName, type TypeName } from './names.ts';

export interface Codec {
  readonly type: TypeName;
  readonly struct: Struct;
  /** @throws RangeError if the bytes are not a message of the type. */
  readonly decode: Decoder;
  /** @throws AgentError ROS_MESSAGE_INVALID */
  readonly encode: Encoder;
}

/** @throws AgentError ROS_TYPE_UNKNOWN from the returned function. */
export function codecs(source: DefinitionSource): (type: string) => Codec {
  const kept = new Map<string, Codec>();
  return (name) => {
    const type = parseTypeName(name);
    const known = kept.get(type.full);
    if (known !== undefined) return known;
    const struct = defineStruct(type.full, source);
    const codec = {
      type,
      struct,
      decode: compileDecoder(struct),
      encode: compileEncoder(struct),
    };
    kept.set(type.full, codec);
    return codec;
  };
}
