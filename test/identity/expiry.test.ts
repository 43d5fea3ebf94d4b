// Tests when the agent warns of a certificate's expiry and when it renews the certificate. Both need a trusted clock.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { DAY_MS, expiryStage, isRotationDue } from '../../src/identity/index.ts';

const END = Date.UTC(2030, 0, 1);
const before = (days: number) => END - days * DAY_MS;

it('warns 30, 14, 7 and 1 days before a certificate’s expiry, and after it', () => {
  const stages = [400, 31, 30, 15, 14, 8, 7, 2, 1, 0.5, -3].map((days) => expiryStage(END, before(days), true));
  assert.deepEqual(stages, [undefined, undefined, 30, 30, 14, 14, 7, 7, 1, 1, 1]);
});

it('neither warns nor renews without a trusted clock', () => {
  for (const now of [0, before(20), before(-400)]) {
    assert.equal(expiryStage(END, now, false), undefined);
    assert.equal(isRotationDue(END, now, false, 30 * DAY_MS), false);
  }
});

it('renews a certificate at the configured time before its expiry, or never', () => {
  assert.equal(isRotationDue(END, before(31), true, 30 * DAY_MS), false);
  assert.equal(isRotationDue(END, before(30), true, 30 * DAY_MS), true);
  assert.equal(isRotationDue(END, before(-1), true, 30 * DAY_MS), true);
  assert.equal(isRotationDue(END, before(1), true, null), false);
});
