import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MOST_FILES, rowsToDrop } from '../../src/uploads/order.ts';

describe('the files to drop', () => {
  it('are the oldest logs, if there are too many files of any size', () => {
    const log = (takenAtMs: number) => ({ kind: 'log', incident: null, size: 1, takenAtMs });
    const picture = { kind: 'snapshot', incident: 'i', size: 1, takenAtMs: 0 };
    const rows = [picture, ...Array.from({ length: MOST_FILES + 1 }, (_, n) => log(n + 1))];
    assert.deepEqual(rowsToDrop(rows, 1_000_000), [log(1), log(2)]);
    assert.deepEqual(rowsToDrop(rows.slice(2), 1_000_000), []);
  });
});
