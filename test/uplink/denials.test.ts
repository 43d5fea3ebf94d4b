// Tests the pure search for the request for which the broker closes the connection.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConnectError } from '../../src/uplink/connectError.ts';
import { Denials } from '../../src/uplink/denials.ts';
import { mayBeDenial } from '../../src/uplink/reasons.ts';
import type { TopicRight } from '../../src/uplink/rights.ts';

const LIMITS = { minMs: 1_000, maxMs: 1_000_000_000 };
const LONGEST_WAIT = 0.999;
const A: TopicRight = 'publish p/telemetry';
const B: TopicRight = 'publish p/presence';
const C: TopicRight = 'subscribe p/receipts';

describe('the search for a denied request', () => {
  it('sends each request of a loss alone, and finds the cause with the second loss', () => {
    const denials = new Denials(LIMITS, () => 0);
    assert.equal(denials.verdict(B, false, 0), 'free');
    assert.equal(denials.lost([A, B, C], 0), undefined);
    assert.deepEqual(
      [A, B, C].map((right) => denials.verdict(right, false, 0)),
      ['alone', 'alone', 'alone'],
    );
    denials.answered(A);
    assert.equal(denials.lost([B], 10), B);
    assert.deepEqual(denials.denied, [B]);
    assert.deepEqual(
      [A, B, C].map((right) => denials.verdict(right, false, 10)),
      ['free', 'held', 'alone'],
    );
    assert.equal(denials.verdict(B, false, 10 + LIMITS.minMs), 'alone');
    denials.answered(B);
    assert.equal(denials.verdict(B, false, 10), 'free');
  });

  it('does not condemn a request for one loss, or one of several', () => {
    const denials = new Denials(LIMITS, () => 0);
    assert.equal(denials.lost([A], 0), undefined);
    denials.answered(A);
    assert.equal(denials.lost([A], 0), undefined);
    assert.equal(denials.lost([A, C], 0), A, 'the only one that was in doubt');
    assert.equal(denials.lost([A, C], 0), undefined, 'both are in doubt');
  });

  it('lets an alert wait only if its own topic was denied', () => {
    const denials = new Denials(LIMITS, () => 0);
    denials.lost([A, B], 0);
    assert.deepEqual([denials.verdict(A, true, 0), denials.verdict(A, false, 0)], ['free', 'alone']);
    denials.answered(B);
    assert.equal(denials.lost([A], 0), A);
    assert.equal(denials.verdict(A, true, 0), 'held');
  });

  it('tries again at most 10 s apart for an alert and 5 min apart for others', () => {
    for (const [isAlert, longestMs] of [
      [true, 10_000],
      [false, 300_000],
    ] as const) {
      const denials = new Denials(LIMITS, () => LONGEST_WAIT);
      denials.lost([A], 0);
      const tries: number[] = [];
      for (let nowMs = 0; nowMs < 3_600_000; nowMs += 500) {
        if (denials.verdict(A, isAlert, nowMs) === 'held') continue;
        tries.push(nowMs);
        assert.equal(denials.lost([A], nowMs), A);
      }
      const gaps = tries.slice(1).map((ms, i) => ms - (tries[i] ?? 0));
      assert.ok(Math.max(...gaps) <= longestMs, gaps.join(' '));
      assert.ok(Math.min(...gaps.slice(-3)) > longestMs / 2, gaps.join(' '));
    }
  });

  it('names the time of the next try', () => {
    const denials = new Denials(LIMITS, () => 0);
    assert.equal(denials.waitMs(0), undefined);
    denials.lost([A], 0);
    denials.lost([A], 0);
    assert.equal(denials.waitMs(400), 600);
    denials.forget();
    assert.deepEqual([denials.waitMs(0), denials.denied], [undefined, []]);
  });
});

describe('the end of a connection', () => {
  it('may be a denial only if the broker closed it, without a reason or for the topic', () => {
    const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    const denials = [undefined, reset, ...[0x00, 0x80, 0x83, 0x87, 0x8f, 0x90].map((code) => new ConnectError('', code))];
    for (const reason of denials) assert.ok(mayBeDenial(reason), String(reason?.message));
    const lost = Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' });
    const others = [
      lost,
      new Error('Keepalive timeout'),
      ...['NO_ANSWER', 'ABORTED', 0x8b, 0x8e, 0x95, 0x97].map((code) => new ConnectError('', code)),
    ];
    for (const reason of others) assert.ok(!mayBeDenial(reason), JSON.stringify(reason));
  });
});
