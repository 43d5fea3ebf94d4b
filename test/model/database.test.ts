// Compares the database of the models with PGlite: both answer the cloud's own statements. The models are only as good as this database.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { Database } from '../../cloud/src/database/database.ts';
import { migrate } from '../../cloud/src/database/migrate.ts';
import { pgliteDatabase } from '../../cloud/src/database/pglite.ts';
import { cover, type OutboxChange, readAccounts, readCoverage } from '../../cloud/src/receipts/coverage.ts';
import { MemoryDatabase } from './database.ts';
import { VirtualTime } from './time.ts';

const RUNS = 100;

const seq = fc.integer({ min: 1, max: 12 });
const change: fc.Arbitrary<OutboxChange> = fc.record({
  thing: fc.constant('bot'),
  outbox: fc.constantFrom('box-1', 'box-2'),
  accepted: fc.nat(15),
  mark: fc.option(fc.tuple(fc.nat(3), fc.nat(3))),
  committed: fc.array(seq, { maxLength: 6 }),
  evicted: fc.array(
    fc.tuple(seq, fc.nat(3)).map(([first, more]): [number, number] => [first, first + more]),
    { maxLength: 3 },
  ),
  corrected: fc.boolean(),
  closed: fc.option(fc.record({ lastSeq: fc.option(fc.nat(20)), successor: fc.constant('box-3') })),
});

/** One transaction with at most one change per outbox, and whether it is rolled back. */
const transaction = fc.tuple(fc.uniqueArray(change, { selector: ({ outbox }) => outbox, maxLength: 2 }), fc.boolean());

describe('the database of the models', () => {
  let real: Database;
  before(async () => {
    real = await pgliteDatabase('memory:');
    await migrate(real);
  });
  after(() => real.close());

  it('answers the statements of the coverage like PostgreSQL', async (context) => {
    const seed = Date.now() % 2 ** 31;
    context.diagnostic(`seed ${seed}`);
    const property = fc.asyncProperty(fc.array(transaction, { maxLength: 8 }), async (transactions) => {
      await real.query('delete from outboxes');
      const memory = new MemoryDatabase(new VirtualTime(1)).connect().database;
      for (const [changes, fails] of transactions) {
        assert.deepEqual(await outcome(memory, changes, fails), await outcome(real, changes, fails));
        assert.deepEqual(await everything(memory), await everything(real));
      }
    });
    await fc.assert(property, { numRuns: RUNS, seed });
  });
});

async function outcome(db: Database, changes: readonly OutboxChange[], fails: boolean): Promise<unknown> {
  try {
    return await db.transaction(async (sql) => {
      const corrected = await cover(sql, changes);
      if (fails) throw new Error('rolled back');
      return corrected.map(({ outbox }) => outbox).sort();
    });
  } catch (error) {
    return (error as Error).message;
  }
}

async function everything(db: Database): Promise<unknown> {
  const names = ['box-1', 'box-2', 'box-3'].map((outbox) => ({ thing: 'bot', outbox }));
  const coverage = await readCoverage(db, names);
  const accounts = await readAccounts(db, 'bot');
  return [coverage, accounts].map((rows) => [...rows].sort((a, b) => a.outbox.localeCompare(b.outbox)));
}
