import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { coveredBy, intersect, normalize, type Range, receiptPages, subtract, union } from '../../src/wire/index.ts';

const range = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 9 }))
  .map(([first, length]): Range => [first, first + length]);
const ranges = fc.array(range, { maxLength: 12 }).map(normalize);

function numbers(set: readonly Range[]): number[] {
  return set.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
}

describe('sets of row numbers', () => {
  it('have the union, difference and intersection of sets of numbers', () => {
    fc.assert(
      fc.property(ranges, ranges, (a, b) => {
        const [setA, setB] = [new Set(numbers(a)), new Set(numbers(b))];
        assert.deepEqual(
          numbers(union(a, b)),
          [...new Set([...setA, ...setB])].sort((x, y) => x - y),
        );
        assert.deepEqual(
          numbers(subtract(a, b)),
          [...setA].filter((n) => !setB.has(n)).sort((x, y) => x - y),
        );
        assert.deepEqual(
          numbers(intersect(a, b)),
          [...setA].filter((n) => setB.has(n)).sort((x, y) => x - y),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it('are the union of their receipt pages', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4_000 }), { maxLength: 900 }), (list) => {
        const covered = normalize(list.map((n): Range => [n, n]));
        const pages = receiptPages(covered);
        assert.deepEqual(
          pages.reduce<Range[]>((sum, page) => union(sum, coveredBy(page)), []),
          covered,
        );
        assert.equal(pages.at(-1)?.to, null);
        for (const [i, page] of pages.entries()) assert.equal(page.after, i === 0 ? 0 : pages[i - 1]?.to);
      }),
    );
  });
});
