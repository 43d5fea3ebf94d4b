// Converts the content of a field into a value for the wire. An impossible value becomes null with a reason. Pure.
import type { Sample } from './gate.ts';

export interface ValueRules {
  readonly scale: number;
  /** The type that the alert's condition compares with; a value of another type is bad. */
  readonly kind?: 'boolean' | 'number' | 'string' | undefined;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

/** A longer string is bad. */
export const MAX_STRING_LENGTH = 1_000;

/** Significant digits of a float64 reading: 0.87 times 100 is 87, not 86.99999999999999. */
const SIGNIFICANT_DIGITS = 12;

/** Significant digits of a float32: its 0.87 arrives as 0.8700000047683716. */
const FLOAT32_DIGITS = 7;

/** @param stamp of the message's header, in milliseconds since 1970. */
export function convert(field: unknown, rules: ValueRules, stamp: number | undefined): Sample {
  switch (typeof field) {
    case 'boolean':
      return ofKind(field, rules, stamp);
    case 'bigint':
      return convertNumber(Number(field), rules, stamp);
    case 'number':
      return convertNumber(field, rules, stamp);
    case 'string':
      return field.length > MAX_STRING_LENGTH ? { value: null, bad: 'range', stamp } : ofKind(field, rules, stamp);
    default:
      return { value: null, bad: 'type', stamp };
  }
}

function convertNumber(field: number, rules: ValueRules, stamp: number | undefined): Sample {
  const { scale, min, max } = rules;
  if (!Number.isFinite(field)) return { value: null, bad: 'nan', stamp };
  const isFloat32 = !Number.isInteger(field) && Math.fround(field) === field;
  const clean = isFloat32 ? Number(field.toPrecision(FLOAT32_DIGITS)) : field;
  const value = Number((clean * scale).toPrecision(SIGNIFICANT_DIGITS));
  const outside = (min !== undefined && value < min) || (max !== undefined && value > max);
  return outside ? { value: null, bad: 'range', stamp } : ofKind(value, rules, stamp);
}

function ofKind(value: boolean | number | string, { kind }: ValueRules, stamp: number | undefined): Sample {
  return kind === undefined || typeof value === kind ? { value, bad: undefined, stamp } : { value: null, bad: 'type', stamp };
}
