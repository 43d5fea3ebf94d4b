// Tests that the garbage collection of statements does not end the process. better-sqlite3 12.11.1 fails this test on Node.js 24.19 and
// 24.20. `npm run faults -- collect --for 30m` runs it for longer.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { collecting } from '../faults/collecting.ts';

const ROUNDS = 150;

describe('an outbox whose statements are garbage-collected', () => {
  it('survives collections on demand, in tasks, between promise jobs and at its end', { timeout: 300_000 }, async () => {
    const { life, code, signal, stderr } = await collecting(ROUNDS, Number.POSITIVE_INFINITY);
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr);
    assert.deepEqual(life?.wrong, []);
    assert.equal(life?.covered, life?.rows);
    assert.ok((life?.collections ?? 0) >= ROUNDS / 3, `${life?.collections} collections`);
  });
});
