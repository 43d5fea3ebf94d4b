// Parses the .msg text of a message type into a tree of fields and resolves all nested types.
import { createRequire } from 'node:module';
import { messageOf } from '../base/index.ts';
import { unknownType } from './install.ts';
import type { DefinitionSource } from './installed.ts';
import { parseTypeName, type TypeName } from './names.ts';

/** Loaded with `require`, which takes 8 ms at each startup. Importing the package as an ES module takes 16 ms. */
const rosmsg = createRequire(import.meta.url)('@foxglove/rosmsg') as typeof import('@foxglove/rosmsg');

export const PRIMITIVE_BYTES = {
  bool: 1,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  float32: 4,
  float64: 8,
} as const;

export type Primitive = keyof typeof PRIMITIVE_BYTES;
export type Scalar = Primitive | 'string' | 'time' | 'duration';

export interface Field {
  readonly name: string;
  readonly type: Scalar | Struct;
  /**
   * Undefined if the field is a single value. If `length` is set, the array has a fixed size; otherwise it is a sequence of at most `max`
   * elements.
   */
  readonly array?: { readonly length?: number | undefined; readonly max?: number | undefined };
  /** The maximum length of a bounded string. */
  readonly maxCharacters?: number | undefined;
  readonly default?: unknown;
}

export interface Struct {
  /** The full type name, such as `std_msgs/msg/Header`. */
  readonly name: string;
  readonly fields: readonly Field[];
}

type RawField = ReturnType<typeof rosmsg.parse>[number]['definitions'][number];

/** @throws AgentError ROS_TYPE_UNKNOWN if the type or one of its nested types cannot be resolved. */
export function defineStruct(type: string, source: DefinitionSource): Struct {
  return resolve(parseTypeName(type), source, new Map(), []);
}

/** @returns the type in the notation of .msg files: `float32[]`, `string<=22`, `geometry_msgs/msg/Point[3]`. */
export function describeType(field: Field): string {
  const base = typeof field.type === 'string' ? field.type : field.type.name;
  const bounded = field.maxCharacters === undefined ? base : `${base}<=${field.maxCharacters}`;
  if (field.array === undefined) return bounded;
  const { length, max } = field.array;
  return `${bounded}[${length ?? (max === undefined ? '' : `<=${max}`)}]`;
}

function resolve(type: TypeName, source: DefinitionSource, known: Map<string, Struct>, within: readonly string[]): Struct {
  const done = known.get(type.full);
  if (done !== undefined) return done;
  if (within.includes(type.full)) throw unknownType(type.full, type.pkg, `it contains itself (${within.join(' > ')})`);
  const path = [...within, type.full];
  const fields = parse(type, source(type))
    .filter((field) => field.isConstant !== true)
    .map((field) => toField(field, type, (nested) => resolve(nested, source, known, path)));
  const struct = { name: type.full, fields };
  known.set(type.full, struct);
  return struct;
}

function parse(type: TypeName, text: string): readonly RawField[] {
  try {
    return rosmsg.parse(text, { ros2: true, skipTypeFixup: true })[0]?.definitions ?? [];
  } catch (error) {
    throw unknownType(type.full, type.pkg, `its definition cannot be read: ${messageOf(error)}`);
  }
}

function toField(raw: RawField, owner: TypeName, nested: (type: TypeName) => Struct): Field {
  return {
    name: raw.name,
    type: raw.isComplex === true ? nested(qualify(raw.type, owner)) : toScalar(raw, owner),
    ...(raw.isArray === true && { array: { length: raw.arrayLength, max: raw.arrayUpperBound } }),
    ...(raw.upperBound !== undefined && { maxCharacters: raw.upperBound }),
    ...(raw.defaultValue !== undefined && { default: raw.defaultValue }),
  };
}

function toScalar(raw: RawField, owner: TypeName): Scalar {
  if (raw.type in PRIMITIVE_BYTES || raw.type === 'string' || raw.type === 'time' || raw.type === 'duration') {
    return raw.type as Scalar;
  }
  // DDS vendors encode wstring differently, so a value could be decoded wrongly without anyone noticing.
  throw unknownType(owner.full, owner.pkg, `its field ${raw.name} is a ${raw.type}, which is not supported`);
}

/** Adds the package to a short type name: the owner's package, except that `Header` always means std_msgs/Header, as in ROS 1. */
function qualify(name: string, owner: TypeName): TypeName {
  if (name.includes('/')) return parseTypeName(name);
  return parseTypeName(name === 'Header' ? 'std_msgs/Header' : `${owner.pkg}/${name}`);
}
