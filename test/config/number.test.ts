// Tests the arithmetic that turns the number in a field into the number of a reading.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isExact, readingOf } from '../../src/config/index.ts';

describe('the number of a reading', () => {
  it('is the field itself for every whole number up to 2^53', () => {
    fc.assert(fc.property(fc.maxSafeInteger(), (field) => readingOf(field, 1) === field));
  });

  it('is the field itself for a float64', () => {
    for (const field of [1_763_929_998.123456, 48.13715432198765, 0.30000000000000004, 1e300, 1_234_567.25, -0.1])
      assert.equal(readingOf(field, 1), field);
  });

  it('has the digits of a float32', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (field) => Math.fround(readingOf(field, 1)) === field),
      { numRuns: 10_000 },
    );
    for (const field of [0.87, 0.1, 41.7, 10_000.1, 123_456.7, 1e-20]) assert.equal(readingOf(Math.fround(field), 1), field);
  });

  it('is the product of the decimal numbers, rounded once', () => {
    const PRODUCTS: readonly (readonly [field: number | bigint, scale: number, reading: number])[] = [
      [Math.fround(0.87), 100, 87],
      [0.57, 100, 57],
      [1_763_929_998_001, 0.001, 1_763_929_998.001],
      [1_763_929_998_001_123, 0.001, 1_763_929_998_001.123],
      [1_763_929_998_001_123_456n, 0.000001, 1_763_929_998_001.1235],
      [-5, 0.1, -0.5],
      [0.5, -2, -1],
      [3, 0, 0],
    ];
    for (const [field, scale, reading] of PRODUCTS) assert.equal(readingOf(field, scale), reading, `${field} times ${scale}`);
  });

  it('keeps successive milliseconds and microseconds apart if they become seconds', () => {
    const seconds = (since: number, scale: number) => new Set(Array.from({ length: 1_000 }, (_, i) => readingOf(since + i, scale))).size;
    assert.deepEqual([seconds(1_763_929_998_000, 0.001), seconds(1_763_929_998_000_000, 0.000001)], [1_000, 1_000]);
  });

  it('is not exact for a whole number beyond 2^53, unless the scale makes it smaller, and never if it is infinite', () => {
    assert.equal(isExact(2n ** 53n, readingOf(2n ** 53n, 1)), false);
    assert.equal(isExact(2n ** 63n, readingOf(2n ** 63n, 0.000001)), true);
    assert.equal(isExact(1e300, readingOf(1e300, 1e300)), false);
    assert.equal(isExact(1e300, readingOf(1e300, 1)), true);
  });
});
