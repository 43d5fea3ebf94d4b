import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mergedBodies } from '../../src/outbox/declarations.ts';
import type { EventBody, Range } from '../../src/wire/index.ts';

type Evicted = Extract<EventBody, { kind: 'evicted' }>;

const LIMITS = { ranges: 3, alerts: 2 };
const declaration = (of: string, ranges: Range[], over: Partial<Evicted> = {}): Evicted => ({
  kind: 'evicted',
  of,
  ranges,
  reason: 'space',
  ...over,
});

describe('merged declarations', () => {
  it('name the same rows in fewer ranges, for each outbox and reason', () => {
    const merged = mergedBodies(
      [
        declaration('a', [[1, 10]]),
        declaration('b', [[1, 2]]),
        declaration('a', [[11, 20]]),
        declaration('a', [[21, 21]], { reason: 'age' }),
      ],
      LIMITS,
    );
    assert.deepEqual(merged, [declaration('a', [[1, 20]]), declaration('b', [[1, 2]]), declaration('a', [[21, 21]], { reason: 'age' })]);
  });

  it('keep the limits of a declaration, and the latest alerts', () => {
    const odd = (first: number): Range[] => [first, first + 2].map((n): Range => [n, n]);
    const merged = mergedBodies(
      [
        declaration('a', odd(1), {
          alerts: [
            [1, 0, 'fall'],
            [3, 0, 'gas'],
          ],
        }),
        declaration('a', odd(5), { alerts: [[5, 0, 'fire']] }),
      ],
      LIMITS,
    );
    assert.deepEqual(
      merged.map(({ ranges }) => ranges),
      [
        [
          [1, 1],
          [3, 3],
          [5, 5],
        ],
        [[7, 7]],
      ],
    );
    assert.deepEqual(merged[0]?.alerts, [
      [3, 0, 'gas'],
      [5, 0, 'fire'],
    ]);
  });
});
