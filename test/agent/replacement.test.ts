// When the agent tests new credentials that it found on disk: after they have settled, if a connection can judge them, and after a failed
// test again with growing pauses.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSame, type LinkSituation, Replacement, situationOf } from '../../src/agent/identity/replacement.ts';
import type { Credentials } from '../../src/identity/index.ts';

const SETTLE_MS = 5_000;
const MINUTE_MS = 60_000;

/** Only the texts count. */
const credentials = (name: string) => ({ ca: 'ca', cert: name, key: name }) as Credentials;
const [first, second] = [credentials('first'), credentials('second')];

/** The times at which a candidate is tested, if each test fails with this cause and the link stays as it is. */
function testsUntil(endMs: number, situation: LinkSituation, cause: 'certificate_refused' | 'broker_unreachable'): number[] {
  const replacement = new Replacement(SETTLE_MS);
  const tests: number[] = [];
  for (let nowMs = 0; nowMs <= endMs; nowMs += 1_000) {
    if (!replacement.isDue(first, situation, nowMs)) continue;
    tests.push(nowMs);
    replacement.fail(cause, situation, nowMs);
  }
  return tests.map((ms) => ms / 1_000);
}

describe('new credentials on disk', () => {
  it('are tested once they have stayed unchanged for the settling time, if the link works', () => {
    const replacement = new Replacement(SETTLE_MS);
    assert.equal(replacement.isDue(first, 'connected', 0), false);
    assert.equal(replacement.isDue(second, 'connected', 4_000), false);
    assert.equal(replacement.isDue(second, 'connected', 8_999), false);
    assert.equal(replacement.isDue(second, 'connected', 9_000), true);
  });

  it('are tested at once if the broker does not accept the old ones, as alerts may be waiting', () => {
    const replacement = new Replacement(SETTLE_MS);
    assert.equal(replacement.isDue(first, 'failing', 0), true);
    replacement.fail('broker_untrusted', 'failing', 0);
    assert.equal(replacement.isDue(first, 'failing', 2_000), false);
    assert.equal(replacement.isDue(second, 'failing', 4_000), true);
  });

  it('have to settle again after the files were unusable or those in use again', () => {
    const replacement = new Replacement(SETTLE_MS);
    replacement.isDue(first, 'connected', 0);
    assert.equal(replacement.isDue(undefined, 'connected', 4_000), false);
    assert.equal(replacement.isDue(first, 'connected', 6_000), false);
    assert.equal(replacement.isDue(first, 'connected', 11_000), true);
  });

  it('are tried with growing pauses while the broker is unreachable, and at once when it answers', () => {
    assert.deepEqual(testsUntil(MINUTE_MS, 'unreachable', 'broker_unreachable'), [0, 10, 30]);
    for (const situation of ['connected', 'failing'] as const) {
      const replacement = new Replacement(SETTLE_MS);
      for (const nowMs of [0, 10_000, 30_000, 70_000]) {
        assert.equal(replacement.isDue(first, 'unreachable', nowMs), true);
        replacement.fail('broker_unreachable', 'unreachable', nowMs);
      }
      assert.equal(replacement.isDue(first, 'unreachable', 71_000), false);
      assert.equal(replacement.isDue(first, situation, 71_000), true);
    }
  });

  it('that the broker refuses are tried rarely while the link works, as a test interrupts it', () => {
    assert.deepEqual(testsUntil(60 * MINUTE_MS, 'connected', 'certificate_refused'), [5, 305, 905, 2_105]);
    const day = testsUntil(24 * 60 * MINUTE_MS, 'connected', 'certificate_refused');
    assert.ok(day.length <= 10, `${day.length} tests in a day`);
  });

  it('that the broker refuses are tried often while the link does not work', () => {
    assert.deepEqual(testsUntil(3 * MINUTE_MS, 'failing', 'certificate_refused'), [0, 10, 30, 70, 150]);
  });

  it('that the network kept from being tested are tried again soon', () => {
    assert.deepEqual(testsUntil(MINUTE_MS, 'connected', 'broker_unreachable'), [5, 15, 35]);
  });

  it('that failed while the old ones worked are tried again 10 s later if the old ones fail', () => {
    const replacement = new Replacement(SETTLE_MS);
    replacement.isDue(first, 'connected', 0);
    replacement.fail('broker_untrusted', 'connected', 5_000);
    assert.equal(replacement.isDue(first, 'failing', 14_999), false);
    assert.equal(replacement.isDue(first, 'failing', 15_000), true);
  });

  it('do not interrupt a link that comes and goes once the broker has refused them', () => {
    for (const before of ['connected', 'unreachable'] as const) {
      const replacement = new Replacement(SETTLE_MS);
      replacement.isDue(first, before, 0);
      replacement.fail('certificate_refused', before, 5_000);
      for (let nowMs = 6_000; nowMs < 300_000; nowMs += 1_000) {
        const situation = Math.floor(nowMs / 20_000) % 2 === 0 ? 'connected' : 'unreachable';
        assert.equal(replacement.isDue(first, situation, nowMs), false, `${nowMs} ms, ${before} before`);
      }
    }
  });

  it('forget a failed test when they change', () => {
    const replacement = new Replacement(SETTLE_MS);
    replacement.isDue(first, 'connected', 0);
    replacement.fail('certificate_refused', 'connected', 5_000);
    assert.equal(replacement.hasFailed, true);
    replacement.see(second, 6_000);
    assert.equal(replacement.hasFailed, false);
    assert.equal(replacement.isDue(second, 'connected', 11_000), true);
  });

  it('are the same if certificate, key and CA are', () => {
    assert.equal(isSame(first, { ...first, notAfterMs: 1 }), true);
    for (const other of [{ ca: 'other' }, { cert: 'other' }, { key: 'other' }]) assert.equal(isSame(first, { ...first, ...other }), false);
  });
});

describe('the link', () => {
  it('may be helped by other credentials unless the network is at fault', () => {
    assert.equal(situationOf(true, 'broker_untrusted'), 'connected');
    for (const cause of ['broker_untrusted', 'certificate_refused', 'certificate_expired', 'not_authorized', 'broker_hung_up'] as const)
      assert.equal(situationOf(false, cause), 'failing');
    for (const cause of ['broker_unreachable', 'broker_name_unknown', 'broker_refused_connection', 'broker_silent', undefined] as const)
      assert.equal(situationOf(false, cause), 'unreachable');
  });
});
