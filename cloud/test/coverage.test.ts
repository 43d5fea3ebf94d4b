import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { count, normalize, type Range, type Ranges, rangesOf, subtract, union } from '../../src/wire/index.ts';
import { cover, multirange, type OutboxChange, rangesFrom, readAccounts, readCoverage } from '../src/receipts/coverage.ts';
import { onEachDatabase } from './support/databases.ts';
import { newThing } from './support/robot.ts';

const RUNS = 60;
const OUTBOXES = ['box-a', 'box-b', 'box-c'];

/** Exceeds 32 bits. */
const LARGE = 2 ** 52;

/** Mostly small numbers, so that ranges often touch and overlap, and a few very large numbers. */
const seq = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: 60 }) },
  { weight: 1, arbitrary: fc.integer({ min: LARGE - 5, max: LARGE }) },
);
const range = fc.tuple(seq, fc.integer({ min: 0, max: 8 })).map(([first, more]): Range => [first, first + more]);
const change = fc.record({
  outbox: fc.constantFrom(...OUTBOXES),
  committed: fc.array(seq, { maxLength: 12 }),
  evicted: fc.array(range, { maxLength: 3 }),
});

onEachDatabase('coverage', (db) => {
  test('the coverage equals a model of plain ranges, for any changes in any order and batches', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uniqueArray(change, { selector: ({ outbox }) => outbox, minLength: 1 }), { maxLength: 12 }),
        async (batches) => {
          const thing = newThing();
          const model = new Map(OUTBOXES.map((outbox) => [outbox, { committed: [] as Ranges, evicted: [] as Ranges, accepted: 0 }]));
          for (const batch of batches) {
            await db().transaction((sql) =>
              cover(
                sql,
                batch.map((entry) => changeOf(thing, entry)),
              ),
            );
            for (const { outbox, committed, evicted } of batch) {
              const known = model.get(outbox);
              if (!known) continue;
              known.committed = union(known.committed, rangesOf(committed));
              known.evicted = union(known.evicted, normalize(evicted));
              known.accepted = acceptedOf(known.committed, known.evicted);
            }
          }
          const coverages = await readCoverage(
            db(),
            OUTBOXES.map((outbox) => ({ thing, outbox })),
          );
          for (const { outbox, accepted, covered } of coverages) {
            const known = model.get(outbox);
            assert.ok(known);
            assert.deepEqual(covered, union(known.committed, known.evicted));
            assert.equal(accepted, known.accepted);
          }
          for (const account of await readAccounts(db(), thing)) {
            const { committed, evicted, accepted } = model.get(account.outbox) ?? { committed: [], evicted: [], accepted: 0 };
            const counted = { committed: count(committed), evicted: count(subtract(evicted, committed)) };
            assert.deepEqual(account, {
              outbox: account.outbox,
              accepted,
              ...counted,
              outstanding: accepted - counted.committed - counted.evicted,
            });
          }
          assert.equal(coverages.length, new Set(batches.flat().map(({ outbox }) => outbox)).size);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test('concurrent changes lose no coverage', async () => {
    const thing = newThing();
    const numbers = Array.from({ length: 120 }, (_, i) => i + 1);
    await Promise.all(
      numbers.map((n) => db().transaction((sql) => cover(sql, [changeOf(thing, { outbox: 'box-a', committed: [n], evicted: [] })]))),
    );
    const [coverage] = await readCoverage(db(), [{ thing, outbox: 'box-a' }]);
    assert.deepEqual(coverage?.covered, [[1, 120]]);
  });

  test('ranges are unchanged after a round trip through the database', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(range), async (ranges) => {
        const given = normalize(ranges);
        const [row] = await db().query<{ text: string }>('select $1::text::int8multirange::text as text', [multirange(given)]);
        assert.deepEqual(rangesFrom(row?.text ?? ''), given);
      }),
      { numRuns: RUNS },
    );
  });
});

function changeOf(thing: string, entry: { outbox: string; committed: number[]; evicted: Range[] }): OutboxChange {
  const accepted = acceptedOf(rangesOf(entry.committed), normalize(entry.evicted));
  return { thing, ...entry, accepted, mark: null, corrected: false, closed: null };
}

function acceptedOf(...sets: Ranges[]): number {
  return Math.max(0, ...sets.map((ranges) => ranges.at(-1)?.[1] ?? 0));
}
