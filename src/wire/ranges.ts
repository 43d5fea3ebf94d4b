// Set operations on row numbers. A set is represented as sorted, disjoint, inclusive ranges, as in receipts and declarations.
import type { Range } from './names.ts';

/** Sorted ranges that neither overlap nor touch. All functions expect and return this form; only {@link normalize} accepts any ranges. */
export type Ranges = Range[];

/** Sorts ranges and merges those that overlap or touch. Drops empty ones. */
export function normalize(ranges: readonly Range[]): Ranges {
  const sorted = ranges.filter(([first, last]) => first <= last).sort((a, b) => a[0] - b[0]);
  const merged: Ranges = [];
  for (const [first, last] of sorted) {
    const previous = merged.at(-1);
    if (previous && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

/** @param numbers in any order. */
export function rangesOf(numbers: readonly number[]): Ranges {
  return normalize(numbers.map((n): Range => [n, n]));
}

export function union(a: Ranges, b: Ranges): Ranges {
  return normalize([...a, ...b]);
}

/** Returns the numbers in `a` that are not in `b`. */
export function subtract(a: Ranges, b: Ranges): Ranges {
  const rest: Ranges = [];
  let i = 0;
  for (const [first, last] of a) {
    let from = first;
    while (i > 0 && (b[i - 1]?.[1] ?? 0) >= first) i--;
    while (i < b.length && (b[i] as Range)[1] < from) i++;
    for (let k = i; k < b.length; k++) {
      const [cutFirst, cutLast] = b[k] as Range;
      if (cutFirst > last) break;
      if (cutFirst > from) rest.push([from, cutFirst - 1]);
      from = Math.max(from, cutLast + 1);
    }
    if (from <= last) rest.push([from, last]);
  }
  return rest;
}

/** Returns the numbers that are in both sets. */
export function intersect(a: Ranges, b: Ranges): Ranges {
  return subtract(a, subtract(a, b));
}

/** Returns how many numbers the set contains. */
export function count(ranges: Ranges): number {
  return ranges.reduce((sum, [first, last]) => sum + (last - first + 1), 0);
}

export function includes(ranges: Ranges, n: number): boolean {
  return ranges.some(([first, last]) => first <= n && n <= last);
}
