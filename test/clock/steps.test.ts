import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClockSteps } from '../../src/clock/index.ts';

const HOUR_MS = 3_600_000;
const AT_MS = Date.UTC(2026, 10, 25);

/** Updates the steps every 5 s. Each number is the clock's lead over the true time; `?` marks an untrusted clock. */
function stepsOf(...aheadMs: (number | readonly ['?', number])[]): (number | undefined)[] {
  const steps = new ClockSteps();
  return aheadMs.map((each, i) => {
    const [trusted, ahead] = typeof each === 'number' ? [true, each] : [false, each[1]];
    return steps.update({ wall: () => AT_MS + i * 5_000 + ahead, mono: () => i * 5_000, trusted: () => trusted });
  });
}

describe('steps of the clock', () => {
  it('are reported once, with their size and direction', () => {
    assert.deepEqual(stepsOf(0, 0, HOUR_MS, HOUR_MS), [undefined, undefined, HOUR_MS, undefined]);
    assert.deepEqual(stepsOf(0, -HOUR_MS, -HOUR_MS), [undefined, -HOUR_MS, undefined]);
  });

  it('end when the clock is set back to its former time, also from 1970', () => {
    assert.deepEqual(stepsOf(0, HOUR_MS, HOUR_MS, 1_000), [undefined, HOUR_MS, undefined, 0]);
    const to1970 = -AT_MS;
    assert.deepEqual(stepsOf(0, ['?', to1970], ['?', to1970], 0), [undefined, to1970, undefined, 0]);
  });

  it('add up to the total error of the clock', () => {
    assert.deepEqual(stepsOf(0, HOUR_MS, 3 * HOUR_MS, 0), [undefined, HOUR_MS, 3 * HOUR_MS, 0]);
  });

  it('do not include the first correction of an untrusted clock', () => {
    assert.deepEqual(stepsOf(['?', -AT_MS], ['?', -AT_MS], 0, 0), [undefined, undefined, undefined, undefined]);
  });

  it('do not include slewing of the clock, however large the total is', () => {
    const slewed = Array.from({ length: 200 }, (_, i) => i * 1_500);
    assert.ok(stepsOf(...slewed).every((step) => step === undefined));
  });
});
