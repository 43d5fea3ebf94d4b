// Generates field paths of installed message types, and messages with a given value at such a path.
import fc from 'fast-check';
import { parseComparison } from '../../src/config/condition.ts';
import { codecs } from '../../src/ros/codec.ts';
import { defineStruct, type Field, type Scalar, type Struct } from '../../src/ros/definition.ts';
import { amentPrefixes } from '../../src/ros/install.ts';
import { installedDefinitions } from '../../src/ros/installed.ts';
import { definitions } from './checked.ts';

const source = installedDefinitions(amentPrefixes());
const codecOf = codecs(source);

/** A single value in a message type. */
export interface Place {
  readonly type: string;
  /** The path as the configuration writes it, such as `ranges[*] | min`. */
  readonly field: string;
  readonly scalar: Scalar;
  readonly reducer: string | undefined;
  /** @returns the message with this value, as the agent decodes it. With `count`, the value is the number of elements. */
  message(value: unknown): Readonly<Record<string, unknown>>;
}

/** All types of the packages that robots use, except those that the decoder refuses. */
const TYPES = ['std_msgs', 'sensor_msgs', 'geometry_msgs', 'diagnostic_msgs'].flatMap((pkg) =>
  (definitions?.messagesOf(pkg) ?? []).map((name) => `${pkg}/msg/${name}`),
);

interface Step {
  readonly field: Field;
  /** Index of an element; `*` for all elements. Undefined for a single value. */
  readonly index: number | '*' | undefined;
}

const REDUCERS = { number: ['min', 'max', 'mean', 'sum', 'any', 'all', 'count'], bool: ['any', 'all', 'count'], string: ['count'] };

export function randomPlace(isWanted: (place: Place) => boolean = () => true): fc.Arbitrary<Place> {
  return fc.gen().map((draw) => {
    // A filter would repeat the same draw for ever, because each generation starts from the same seed.
    for (let attempt = 0; attempt < 1_000; attempt++) {
      const place = drawPlace(draw);
      if (place && isWanted(place)) return place;
    }
    throw new Error('no place in 1,000 attempts');
  });
}

function drawPlace(draw: fc.GeneratorValue): Place | undefined {
  const type = draw(fc.constantFrom, ...TYPES);
  const steps = walk(defineStruct(type, source), draw);
  const scalar = steps?.at(-1)?.field.type;
  if (steps === undefined || typeof scalar !== 'string') return undefined;
  const isReduced = steps.some(({ index }) => index === '*');
  const group = scalar === 'bool' || scalar === 'string' ? scalar : 'number';
  const reducer = isReduced ? draw(fc.constantFrom, ...REDUCERS[group]) : undefined;
  const path = steps.map(({ field, index }) => `${field.name}${index === undefined ? '' : `[${index}]`}`).join('.');
  const message = (value: unknown) => {
    const { encode, decode } = codecOf(type);
    return decode(encode(build(steps, value, reducer) as Record<string, unknown>));
  };
  return { type, field: reducer === undefined ? path : `${path} | ${reducer}`, scalar, reducer, message };
}

/** @returns the steps to a single value, at most one of them to all elements. Undefined if the way ends at a stamp or nowhere. */
function walk(struct: Struct, draw: fc.GeneratorValue): Step[] | undefined {
  const steps: Step[] = [];
  let type: Struct | Scalar = struct;
  while (typeof type !== 'string') {
    if (type.fields.length === 0) return undefined;
    const field: Field = draw(fc.constantFrom, ...type.fields);
    steps.push({ field, index: indexOf(field, steps, draw) });
    type = field.type;
  }
  return type === 'time' || type === 'duration' ? undefined : steps;
}

function indexOf({ array }: Field, before: readonly Step[], draw: fc.GeneratorValue): Step['index'] {
  if (array === undefined) return undefined;
  if (!before.some(({ index }) => index === '*') && array.length === undefined && draw(fc.boolean)) return '*';
  return draw(fc.integer, { min: 0, max: Math.min(3, (array.length ?? 4) - 1) });
}

function build([step, ...rest]: readonly Step[], value: unknown, reducer: string | undefined): unknown {
  if (step === undefined) return value;
  const { field, index } = step;
  const zero = typeof field.type !== 'string' ? {} : field.type === 'string' ? '' : field.type === 'bool' ? false : 0;
  if (index === undefined) return { [field.name]: build(rest, value, reducer) };
  if (index === '*' && reducer === 'count') {
    const element = rest.length === 0 ? zero : build(rest, undefined, undefined);
    return { [field.name]: Array.from({ length: Number(value) }, () => element) };
  }
  const at = index === '*' ? 0 : index;
  const list: unknown[] = Array.from({ length: field.array?.length ?? at + 1 }, () => zero);
  list[at] = build(rest, value, reducer);
  return { [field.name]: list };
}

/** @returns two different values of the place's type: one that means danger, and a harmless one. */
export function twoValues({ scalar, reducer }: Place): fc.Arbitrary<readonly [danger: unknown, harmless: unknown]> {
  const values = reducer === 'count' ? fc.integer({ min: 0, max: 5 }) : scalarValue(scalar);
  return fc
    .tuple(values, values)
    .filter(([a, b]) => a !== b && (reducer !== 'any' && reducer !== 'all' ? true : Boolean(a) !== Boolean(b)))
    .map(([a, b]) => [a, b] as const);
}

export function scalarValue(scalar: Scalar): fc.Arbitrary<unknown> {
  if (scalar === 'bool') return fc.boolean();
  if (scalar === 'string') return fc.constantFrom('FALL', 'danger zone', '1', 'true', 'On', 'none').filter(isPlainText);
  const [, unsigned, bits] = /^(u?)int(\d+)$/.exec(scalar) ?? [];
  if (bits === undefined) return fc.integer({ min: -400, max: 400 }).map((n) => n / 4);
  const most = Math.min(2 ** (Number(bits) - (unsigned === 'u' ? 0 : 1)) - 1, 1_000_000);
  const least = unsigned === 'u' ? 0 : -most - 1;
  return fc.oneof(fc.constantFrom(least, most, 0), fc.integer({ min: least, max: most }));
}

/** Whether a comparison with the quoted text compares with this text. */
function isPlainText(text: string): boolean {
  return parseComparison(`== "${text}"`)?.value === text;
}
