// Decides whether a value of a channel can ever meet, or always meets, the channel's alert condition. Pure.
import { type AlertWhen, booleanLine, type ChannelConfig, MAX_EXACT, readingOf, UNKNOWN_LIMIT, UNKNOWN_TEXT } from '../config/index.ts';
import type { ValueKind } from './field.ts';

type Comparison = AlertWhen['raise'];
type NumberKind = Extract<ValueKind, { kind: 'number' }>;

/** The range of a channel's numbers after scaling, and the value before scaling. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly isWhole: boolean;
  readonly scale: number;
}

/** A field of an unknown type can be any number. */
export const ANY_NUMBER: NumberKind = {
  kind: 'number',
  type: 'number',
  min: Number.NEGATIVE_INFINITY,
  max: Number.POSITIVE_INFINITY,
  isWhole: false,
};

/** A whole number beyond 2^53 becomes a reading only if the scale makes it small enough. */
export function scaledRange({ min, max, isWhole }: NumberKind, scale: number): Range {
  const most = isWhole ? MAX_EXACT * Math.max(1, Math.abs(scale)) : Number.POSITIVE_INFINITY;
  const [low, high] = scaledLimits(min, max, scale);
  return { min: Math.max(low, -most), max: Math.min(high, most), isWhole, scale };
}

function scaledLimits(min: number, max: number, scale: number): readonly [min: number, max: number] {
  const scaled = (limit: number) => (Number.isFinite(limit) ? readingOf(limit, scale) : limit * scale);
  if (scale === 0) return [0, 0];
  return scale > 0 ? [scaled(min), scaled(max)] : [scaled(max), scaled(min)];
}

/** The part of the range that consists of measurements. Sums of several elements may be outside `valid`. */
export function measured(range: Range, { field, valid }: Pick<ChannelConfig, 'field' | 'valid'>): Range {
  if (valid === undefined || /\|\s*sum\s*$/.test(field)) return range;
  const [min, max] = scaledLimits(...valid, range.scale);
  return within(range, { min, max });
}

/** The part of the range that is not marked as out of range. */
export function within(range: Range, { min, max }: Pick<ChannelConfig, 'min' | 'max'>): Range {
  return { ...range, min: Math.max(range.min, min ?? range.min), max: Math.min(range.max, max ?? range.max) };
}

/** Whether a number of the range meets the condition. */
export function canHold({ comparison, value }: Comparison, range: Range): boolean {
  const { min, max } = range;
  if (typeof value !== 'number' || min > max) return false;
  switch (comparison) {
    case '==':
      return value >= min && value <= max && isReachable(value, range);
    case '!=':
      return min !== max || value !== min;
    case '<':
      return min < value;
    case '<=':
      return min <= value;
    case '>':
      return max > value;
    case '>=':
      return max >= value;
  }
}

const OPPOSITE = { '==': '!=', '!=': '==', '<': '>=', '<=': '>', '>': '<=', '>=': '<' } as const;

export function alwaysHolds(condition: Comparison, range: Range): boolean {
  return !canHold({ ...condition, comparison: OPPOSITE[condition.comparison] }, range);
}

/** Whether a whole number, multiplied by the scale, gives this value. */
function isReachable(value: number, { isWhole, scale }: Range): boolean {
  if (!isWhole || scale === 0) return true;
  return readingOf(Math.round(value / scale), scale) === value;
}

/** @returns the condition as it is written in the file, in quotes: `"> 60"`. */
export function written({ comparison, value }: Comparison): string {
  return JSON.stringify(`${comparison} ${typeof value === 'string' && /\s/.test(value) ? JSON.stringify(value) : value}`);
}

/** @returns a line of YAML with a condition that a value of this kind can meet, as near as possible to the given condition. */
export function suitableCondition(found: ValueKind, given: Comparison): string {
  const { comparison, value } = given;
  if (found.kind === 'boolean') return booleanLine(given);
  const isEquality = comparison === '==' || comparison === '!=';
  if (found.kind === 'string') {
    if (isEquality && typeof value === 'number') return `alert_when: '${comparison} "${value}"'`;
    return UNKNOWN_TEXT;
  }
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
  if (isEquality && Number.isFinite(number)) return `alert_when: "${comparison} ${number}"`;
  if (typeof value === 'boolean' && found.isWhole) return `alert_when: "${comparison} ${Number(value)}"`;
  return UNKNOWN_LIMIT;
}
