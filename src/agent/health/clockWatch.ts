// Says when the clock was set while the agent ran: with no network nobody else can, and what was measured since carries that time.

import { every, type Ticker } from '../../base/index.ts';
import { type Clock, ClockSteps } from '../../clock/index.ts';
import type { Problems } from '../../status/index.ts';

const LOOK_EVERY_MS = 5_000;

/** @param onStep asks who knows the cloud's time: that counts more, clears this, and raises `clock_differs` where it does. */
export function watchClock(clock: Clock, problems: Problems, onStep: () => void): Ticker {
  const steps = new ClockSteps();
  const look = () => {
    const stepMs = steps.look({ wallMs: clock.wall(), monoMs: clock.mono(), trusted: clock.trusted() });
    if (stepMs === undefined) return;
    problems.clear('clock_stepped');
    if (stepMs !== 0) {
      const way = stepMs > 0 ? 'ahead' : 'back';
      problems.raise('clock_stepped', `the clock was set ${way} by ${Math.round(Math.abs(stepMs) / 1_000)} s while the agent ran`);
    }
    onStep();
  };
  look();
  return every(LOOK_EVERY_MS, look);
}
