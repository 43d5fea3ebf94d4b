// Reduces the values of a `[*]` to one value. Pure.
import type { Reducer } from '../config/index.ts';

/**
 * NaN and infinities are skipped (a laser reports infinity if it sees no obstacle). Without a number `min`, `max` and `mean` are NaN.
 * `any` and `all` take booleans, and numbers other than 0 as true; `all` of no values is true, as in logic.
 */
export function reduce(reducer: Reducer, values: readonly unknown[]): number | boolean {
  switch (reducer) {
    case 'count':
      return values.length;
    case 'any':
      return values.some(isTrue);
    case 'all':
      return values.every(isTrue);
    case 'sum':
      return sum(numbers(values));
    case 'mean': {
      const found = numbers(values);
      return found.length === 0 ? Number.NaN : sum(found) / found.length;
    }
    case 'min':
      return extreme(values, (a, b) => a < b);
    case 'max':
      return extreme(values, (a, b) => a > b);
  }
}

function numbers(values: readonly unknown[]): number[] {
  return values
    .map((value) => (typeof value === 'bigint' ? Number(value) : value))
    .filter((value): value is number => Number.isFinite(value));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function extreme(values: readonly unknown[], isBeyond: (a: number, b: number) => boolean): number {
  const [first = Number.NaN, ...rest] = numbers(values);
  return rest.reduce((best, value) => (isBeyond(value, best) ? value : best), first);
}

function isTrue(value: unknown): boolean {
  return value === true || (typeof value === 'number' && value !== 0 && !Number.isNaN(value));
}
