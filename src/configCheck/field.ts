// Follows a channel's field path through the definition of its message type, and finds out which values the field can have. Pure.
import { nearest } from '../config/index.ts';
import type { Scalar, Struct } from '../ros/index.ts';

/** The values that a field can have. `min` and `max` are the limits of its type; they are infinite for floats. */
export type ValueKind =
  | { readonly kind: 'boolean'; readonly type: string }
  | { readonly kind: 'string'; readonly type: string }
  | { readonly kind: 'number'; readonly type: string; readonly min: number; readonly max: number; readonly isWhole: boolean };

export interface FieldFault {
  readonly reason: string;
  /** A line such as `field: percentage`. Undefined if the message has no value. */
  readonly suggestion?: string | undefined;
}

type Type = Scalar | Struct;

/** A value within the message. */
interface Spot {
  readonly type: Type;
  /** Undefined for a single value. A sequence has no fixed length. */
  readonly array?: { readonly length?: number | undefined } | undefined;
}

/** A single value within the message, with `[*]` after each array. */
interface Leaf {
  readonly path: string;
  readonly type: Scalar;
}

const MAX_LISTED_FIELDS = 8;
const MAX_DEPTH = 4;

const STAMP: Struct['fields'] = [
  { name: 'sec', type: 'int32' },
  { name: 'nanosec', type: 'uint32' },
];

const NUMERIC_REDUCERS: readonly string[] = ['min', 'max', 'mean', 'sum'];

/** @param field a path whose syntax the configuration has checked, such as `ranges[*] | min`. */
export function kindOf(struct: Struct, field: string): ValueKind | FieldFault {
  const [path = '', reducer] = field.split('|').map((part) => part.trim());
  const spot = follow(struct, path, reducer);
  if ('reason' in spot) return spot;
  if (reducer === 'count') return { kind: 'number', type: 'count', min: 0, max: Number.POSITIVE_INFINITY, isWhole: true };
  if (spot.array !== undefined || fieldsOf(spot.type) !== undefined) return notSingle(spot, path, reducer);
  const value = scalarKind(spot.type as Scalar);
  return reducer === undefined ? value : reduced(value, path, reducer);
}

/** @returns why the path leads to no field; undefined if it does, also to an object or an array. */
export function unknownField(struct: Struct, field: string): FieldFault | undefined {
  const [path = '', reducer] = field.split('|').map((part) => part.trim());
  const spot = follow(struct, path, reducer);
  return 'reason' in spot ? spot : undefined;
}

export function nearestField({ fields }: Struct, name: string): string | undefined {
  return nearest(
    name,
    fields.map((field) => field.name),
  );
}

function follow(struct: Struct, path: string, reducer: string | undefined): Spot | FieldFault {
  let spot: Spot = { type: struct };
  let written = '';
  for (const token of path.match(/[A-Za-z_]\w*|\[(?:\d+|\*)\]/g) ?? []) {
    const next = token.startsWith('[') ? element(spot, token, written) : member(spot, token);
    if (next === undefined) return missing(struct, spot, path, { written, name: token, reducer });
    if ('reason' in next) return next;
    spot = next;
    written += token.startsWith('[') || written === '' ? token : `.${token}`;
  }
  return spot;
}

function element({ type, array }: Spot, token: string, written: string): Spot | FieldFault {
  if (array === undefined) return { reason: `"${written}" is a single value, not an array`, suggestion: fieldLine(written) };
  const index = Number(token.slice(1, -1));
  if (array.length === undefined || Number.isNaN(index) || index < array.length) return { type };
  return { reason: `"${written}" has only ${array.length} elements`, suggestion: fieldLine(`${written}[${array.length - 1}]`) };
}

/** The reader of a field also accepts the length of an array. */
function member({ type, array }: Spot, name: string): Spot | undefined {
  if (array !== undefined) return name === 'length' ? { type: 'uint32' } : undefined;
  return fieldsOf(type)?.find((field) => field.name === name);
}

interface Missing {
  /** The part of the path that exists, and the name after it that does not. */
  readonly written: string;
  readonly name: string;
  readonly reducer: string | undefined;
}

function missing(struct: Struct, { type, array }: Spot, path: string, { written, name, reducer }: Missing): FieldFault {
  if (array !== undefined) {
    const within = fieldsOf(type)?.some((field) => field.name === name) ? leavesOf(type, 1) : [];
    const leaf = within.find((each) => baseOf(each.path).split('.')[0] === name);
    const reason = `"${written}" is an array, so it has no field "${name}"`;
    return { reason, suggestion: leaf ? leafLine({ ...leaf, path: `${written}[*].${leaf.path}` }, reducer) : undefined };
  }
  const fields = leavesOf(struct, 1);
  if (fields.length === 0) return { reason: 'the message has no fields, so it has no value' };
  const listed = fields.slice(0, MAX_LISTED_FIELDS).map((leaf) => leaf.path);
  const more = fields.length > MAX_LISTED_FIELDS ? ', ...' : '';
  const better = nearestLeaf(fields, path) ?? (fields.length === 1 ? fields[0] : undefined);
  const reason = `the message has no field "${path}"; it has ${listed.join(', ')}${more}`;
  return { reason, suggestion: better === undefined ? undefined : leafLine(better, reducer) };
}

/** Compares whole paths first, then the last names: a person often forgets the objects around a value. */
function nearestLeaf(leaves: readonly Leaf[], path: string): Leaf | undefined {
  const wanted = baseOf(path);
  const byPath = nearest(
    wanted,
    leaves.map((leaf) => baseOf(leaf.path)),
  );
  const found = leaves.find((leaf) => baseOf(leaf.path) === byPath);
  if (found !== undefined) return found;
  const byName = nearest(
    lastOf(wanted),
    leaves.map((leaf) => lastOf(baseOf(leaf.path))),
  );
  return leaves.find((leaf) => lastOf(baseOf(leaf.path)) === byName);
}

function notSingle({ type, array }: Spot, path: string, reducer: string | undefined): FieldFault {
  const suffix = array === undefined ? '' : '[*]';
  const [leaf] = fieldsOf(type) === undefined ? [{ path: '', type: type as Scalar }] : leavesOf(type as Struct, 1);
  const reason = `"${path}" is ${array === undefined ? 'an object' : 'an array'}, not a single value`;
  if (leaf === undefined) return { reason };
  return { reason, suggestion: leafLine({ ...leaf, path: `${path}${suffix}${leaf.path === '' ? '' : `.${leaf.path}`}` }, reducer) };
}

function reduced(value: ValueKind, path: string, reducer: string): ValueKind | FieldFault {
  if (value.kind === 'string') {
    const reason = `"${path}" is text, of which "${reducer}" makes no value`;
    return { reason, suggestion: fieldLine(path.replaceAll('[*]', '[0]')) };
  }
  if (!NUMERIC_REDUCERS.includes(reducer)) return { kind: 'boolean', type: reducer };
  if (value.kind === 'boolean')
    return { reason: `"${path}" is a bool, of which "${reducer}" makes no value`, suggestion: fieldLine(`${path} | any`) };
  const type = `${reducer} of ${value.type}`;
  if (reducer === 'sum') return { ...value, type, min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };
  return { ...value, type, isWhole: value.isWhole && reducer !== 'mean' };
}

function scalarKind(type: Scalar): ValueKind {
  if (type === 'bool') return { kind: 'boolean', type };
  if (type === 'string') return { kind: 'string', type };
  const [, unsigned, bits] = /^(u?)int(\d+)$/.exec(type) ?? [];
  if (bits === undefined) return { kind: 'number', type, min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY, isWhole: false };
  const values = 2 ** Number(bits);
  const [min, max] = unsigned === 'u' ? [0, values - 1] : [-values / 2, values / 2 - 1];
  return { kind: 'number', type, min, max, isWhole: true };
}

function fieldsOf(type: Type): Struct['fields'] | undefined {
  if (typeof type !== 'string') return type.fields;
  return type === 'time' || type === 'duration' ? STAMP : undefined;
}

/** The header is listed only if the message has nothing else. */
function leavesOf(type: Type, depth: number): Leaf[] {
  const fields = fieldsOf(type) ?? [];
  const own = fields.filter(({ name }) => name !== 'header');
  return (own.length === 0 ? fields : own).flatMap(({ name, type: inner, array }) => {
    const path = array === undefined ? name : `${name}[*]`;
    if (fieldsOf(inner) === undefined) return [{ path, type: inner as Scalar }];
    return depth === MAX_DEPTH ? [] : leavesOf(inner, depth + 1).map((leaf) => ({ ...leaf, path: `${path}.${leaf.path}` }));
  });
}

function leafLine({ path, type }: Leaf, reducer: string | undefined): string {
  if (!path.includes('[*]')) return fieldLine(path);
  if (type === 'string') return fieldLine(reducer === 'count' ? `${path} | count` : path.replaceAll('[*]', '[0]'));
  const isNumeric = type !== 'bool';
  const isSuitable = reducer !== undefined && (isNumeric || !NUMERIC_REDUCERS.includes(reducer));
  return fieldLine(`${path} | ${isSuitable ? reducer : isNumeric ? 'max' : 'any'}`);
}

function fieldLine(path: string): string {
  return /[[|*]/.test(path) ? `field: "${path}"` : `field: ${path}`;
}

/** The path without indices. */
function baseOf(path: string): string {
  return path.replace(/\[(\d+|\*)\]/g, '');
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}
