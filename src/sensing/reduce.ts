// Reduces the elements of a list to one value. Pure.
import type { Reducer } from '../config/index.ts';
import { isMeasured, type Valid } from './valid.ts';

/**
 * A double holds every decimal number of this many digits. The sum of fractions has noise behind them: 0.1 + 0.2 is 0.30000000000000004.
 */
const DIGITS = 15;

/**
 * Skips NaN and the numbers outside `valid`. `max`, `mean` and `sum` also skip infinities as long as there are finite numbers: a laser
 * reports infinity if it sees no obstacle. `min` does not, because negative infinity is an obstacle that is too close (REP 117). An empty
 * list has no minimum, so `min` is positive and `max` is negative infinity. Only NaN is left if every value is NaN. `any` and `all` treat
 * numbers other than 0 as true. `all` of no values is true, as in logic. `count` counts every element.
 */
export function reduce(reducer: Reducer, values: readonly unknown[], valid?: Valid): number | bigint | boolean {
  if (reducer === 'count') return values.length;
  const measured = valid === undefined ? values : values.filter((value) => isMeasured(value, valid));
  if (reducer === 'any') return measured.some(isTrue);
  if (reducer === 'all') return measured.every(isTrue);
  const numbers = measured.filter(isNumber);
  const finite = numbers.filter(isFiniteNumber);
  const isNothing = numbers.length === 0 && values.length > 0;
  const ofNothing = valid !== undefined && measured.length < values.length ? valid.ofNothing : Number.NaN;
  switch (reducer) {
    case 'sum':
      return sum(finite);
    case 'mean':
      if (isNothing) return ofNothing;
      return finite.length === 0 ? (numbers[0] ?? Number.NaN) : rounded(Number(sum(finite)) / finite.length);
    case 'min':
      return isNothing ? ofNothing : best(numbers, (value, least) => value < least, Number.POSITIVE_INFINITY);
    case 'max':
      if (isNothing) return ofNothing;
      return best(finite.length > 0 ? finite : numbers, (value, most) => value > most, Number.NEGATIVE_INFINITY);
  }
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || (typeof value === 'number' && !Number.isNaN(value));
}

function isFiniteNumber(value: number | bigint): boolean {
  return typeof value === 'bigint' || Number.isFinite(value);
}

/** Math.min and Math.max do not take bigints. */
function best(
  values: readonly (number | bigint)[],
  isBetter: (value: number | bigint, best: number | bigint) => boolean,
  ofEmpty: number,
): number | bigint {
  let found: number | bigint = ofEmpty;
  for (const value of values) if (isBetter(value, found)) found = value;
  return found;
}

/** @returns the exact sum of whole numbers, as a bigint if it is beyond 2^53. */
function sum(values: readonly (number | bigint)[]): number | bigint {
  const total = values.reduce<number>((all, value) => all + Number(value), 0);
  // Up to this sum of the absolute values, no step of the addition rounds.
  const size = values.reduce<number>((all, value) => all + Math.abs(Number(value)), 0);
  if (Number.isSafeInteger(total) && Number.isSafeInteger(size)) return total;
  if (!values.every((value) => typeof value === 'bigint' || Number.isSafeInteger(value))) return rounded(total);
  const exact = values.reduce<bigint>((all, value) => all + BigInt(value), 0n);
  return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
}

function rounded(value: number): number {
  return Number.isSafeInteger(value) ? value : Number(value.toPrecision(DIGITS));
}

function isTrue(value: unknown): boolean {
  return (
    value === true || (typeof value === 'number' && value !== 0 && !Number.isNaN(value)) || (typeof value === 'bigint' && value !== 0n)
  );
}
