// From a field's content to a value for the wire. What cannot be is marked as bad and never sent as truth. Pure.
import type { ReadingExtra, ReadingValue } from '../wire/index.ts';

export interface ValueRules {
  readonly scale: number;
  /** What an alert's condition compares with: a value of another type can't be one. */
  readonly kind?: 'boolean' | 'number' | 'string' | undefined;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

export interface Converted {
  readonly value: ReadingValue;
  readonly bad?: NonNullable<ReadingExtra['bad']>;
}

/** A string longer than this is a mistake, not a reading. */
export const MAX_STRING_LENGTH = 1_000;

/** Digits a float64 reading keeps: 0.87 times 100 is 87, not 86.99999999999999. */
const SIGNIFICANT_DIGITS = 12;

/** Digits a float32 has: its 0.87 arrives as 0.8700000047683716. */
const FLOAT32_DIGITS = 7;

export function convert(field: unknown, rules: ValueRules): Converted {
  const converted = plainValue(field, rules);
  const { kind } = rules;
  return kind === undefined || converted.value === null || typeof converted.value === kind ? converted : { value: null, bad: 'type' };
}

function plainValue(field: unknown, rules: ValueRules): Converted {
  switch (typeof field) {
    case 'boolean':
      return { value: field };
    case 'bigint':
      return convertNumber(Number(field), rules);
    case 'number':
      return convertNumber(field, rules);
    case 'string':
      return field.length > MAX_STRING_LENGTH ? { value: null, bad: 'range' } : { value: field };
    default:
      return { value: null, bad: 'type' };
  }
}

function convertNumber(field: number, { scale, min, max }: ValueRules): Converted {
  if (!Number.isFinite(field)) return { value: null, bad: 'nan' };
  const isFloat32 = !Number.isInteger(field) && Math.fround(field) === field;
  const clean = isFloat32 ? Number(field.toPrecision(FLOAT32_DIGITS)) : field;
  const value = Number((clean * scale).toPrecision(SIGNIFICANT_DIGITS));
  const outside = (min !== undefined && value < min) || (max !== undefined && value > max);
  return outside ? { value: null, bad: 'range' } : { value };
}
