import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { wait } from '../../src/base/index.ts';

describe('a wait', () => {
  it('reports whether its time passed or the signal ended it', async () => {
    const ending = new AbortController();
    assert.equal(await wait(1, ending.signal), true);
    const waiting = wait(60_000, ending.signal);
    ending.abort();
    assert.equal(await waiting, false);
    assert.equal(await wait(60_000, ending.signal), false);
  });
});
