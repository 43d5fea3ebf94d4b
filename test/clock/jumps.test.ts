import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClockSteps } from '../../src/clock/index.ts';

const HOUR_MS = 3_600_000;
const AT_MS = Date.UTC(2026, 10, 25);

/** Looks every 5 s; each number is by how much the clock is ahead of the true time then, `?` before one that is not believed. */
function looks(...aheadMs: (number | readonly ['?', number])[]): (number | undefined)[] {
  const steps = new ClockSteps();
  return aheadMs.map((each, i) => {
    const [trusted, ahead] = typeof each === 'number' ? [true, each] : [false, each[1]];
    return steps.look({ wallMs: AT_MS + i * 5_000 + ahead, monoMs: i * 5_000, trusted });
  });
}

describe('steps of the clock', () => {
  it('are told once, with their size and direction', () => {
    assert.deepEqual(looks(0, 0, HOUR_MS, HOUR_MS), [undefined, undefined, HOUR_MS, undefined]);
    assert.deepEqual(looks(0, -HOUR_MS, -HOUR_MS), [undefined, -HOUR_MS, undefined]);
  });

  it('are over when the clock is set back to where it was, also from 1970', () => {
    assert.deepEqual(looks(0, HOUR_MS, HOUR_MS, 1_000), [undefined, HOUR_MS, undefined, 0]);
    const to1970 = -AT_MS;
    assert.deepEqual(looks(0, ['?', to1970], ['?', to1970], 0), [undefined, to1970, undefined, 0]);
  });

  it('add up to how far the clock is from where it was', () => {
    assert.deepEqual(looks(0, HOUR_MS, 3 * HOUR_MS, 0), [undefined, HOUR_MS, 3 * HOUR_MS, 0]);
  });

  it('are none where a clock that nobody believed is put right', () => {
    assert.deepEqual(looks(['?', -AT_MS], ['?', -AT_MS], 0, 0), [undefined, undefined, undefined, undefined]);
  });

  it('are none where the clock is slewed, however far that leads in the end', () => {
    const slewed = Array.from({ length: 200 }, (_, i) => i * 1_500);
    assert.ok(looks(...slewed).every((step) => step === undefined));
  });
});
