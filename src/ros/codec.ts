// Builds the encoder and the decoder of a message type the first time the type is used.
import { compileDecoder, type Decoder } from './decode.ts';
import { defineStruct, type Struct } from './definition.ts';
import { compileEncoder, type Encoder } from './encode.ts';
import { amentPrefixes } from './install.ts';
import { type DefinitionSource, installedDefinitions } from './installed.ts';
import { parseTypeName, type TypeName } from './names.ts';
import type { RosMessage } from './types.ts';

export interface Codec {
  readonly type: TypeName;
  readonly struct: Struct;
  /** @throws RangeError if the bytes are not a message of this type. */
  readonly decode: Decoder;
  /** @throws AgentError ROS_MESSAGE_INVALID */
  readonly encode: Encoder;
}

/** Checks a message against an installed type. @throws AgentError ROS_MESSAGE_INVALID, ROS_TYPE_UNKNOWN */
export function checkMessage(type: string, message: RosMessage): void {
  codecs(installedDefinitions(amentPrefixes()))(type).encode(message);
}

/** @returns a lookup function that returns a type's codec, or throws AgentError ROS_TYPE_UNKNOWN. */
export function codecs(source: DefinitionSource): (type: string) => Codec {
  const codecsByType = new Map<string, Codec>();
  return (name) => {
    const type = parseTypeName(name);
    const known = codecsByType.get(type.full);
    if (known !== undefined) return known;
    const struct = defineStruct(type.full, source);
    const codec = { type, struct, decode: compileDecoder(struct), encode: compileEncoder(struct) };
    codecsByType.set(type.full, codec);
    return codec;
  };
}
