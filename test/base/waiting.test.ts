import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acknowledged, wait } from '../../src/base/index.ts';

describe('a wait', () => {
  it('says whether its time passed or the signal ended it', async () => {
    const ending = new AbortController();
    assert.equal(await wait(1, ending.signal), true);
    const waiting = wait(60_000, ending.signal);
    ending.abort();
    assert.equal(await waiting, false);
    assert.equal(await wait(60_000, ending.signal), false);
  });
});

describe('a publication whose acknowledgement is awaited', () => {
  const never = new Promise<string>(() => {});
  const lost = (reason: string) => new Error(`lost: ${reason}`);

  it('succeeds when the broker acknowledges it, and fails with the error of the broker', async () => {
    await acknowledged({ publish: (done) => setImmediate(done), ended: never, lost });
    await assert.rejects(acknowledged({ publish: (done) => done(new Error('refused')), ended: never, lost }), /refused/);
  });

  it('fails when the session ends first, or when the deadline passes', async () => {
    await assert.rejects(acknowledged({ publish: () => {}, ended: Promise.resolve('closed'), lost }), /lost: closed/);
    await assert.rejects(acknowledged({ publish: () => {}, ended: never, lost, timeoutMs: 5 }), /no acknowledgement within 5 ms/);
  });
});
