import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rates } from '../src/ingest/rate.ts';

const LIMITS = { burst: { rows: 1_000, bytes: 10_000 }, perSecond: { rows: 10, bytes: 1_000 } };

test('a robot goes into quarantine once, gets its allowance back with time, and leaves quarantine', () => {
  const rates = new Rates(LIMITS);
  assert.equal(rates.spend('a', { rows: 999, bytes: 0 }, 0), false);
  assert.equal(rates.spend('a', { rows: 100, bytes: 0 }, 0), true);
  assert.equal(rates.spend('a', { rows: 100, bytes: 0 }, 0), false);
  assert.deepEqual([rates.isSpent('a', 0), rates.isSpent('b', 0), rates.quarantined], [true, false, ['a']]);
  assert.deepEqual([rates.sweep(19_000), rates.isSpent('a', 19_000)], [[], true]);
  assert.equal(rates.isSpent('a', 20_000), false);
  assert.deepEqual([rates.sweep(22_000), rates.quarantined], [['a'], []]);
});

test('bytes count like rows, and a message without rows counts too', () => {
  const rates = new Rates(LIMITS);
  assert.equal(rates.spend('a', { rows: 1, bytes: 10_000 }, 0), true);
  for (let n = 0; n < 19; n++) assert.equal(rates.spend('b', { rows: 0, bytes: 1 }, 0), false);
  assert.equal(rates.spend('b', { rows: 0, bytes: 1 }, 0), true);
});
