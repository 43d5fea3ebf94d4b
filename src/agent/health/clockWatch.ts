// Raises a problem if the clock was set while the agent ran: later readings carry the new time, and without a network no other part can notice.

import { every, type Ticker } from '../../base/index.ts';
import { type Clock, ClockSteps } from '../../clock/index.ts';
import type { Problems } from '../../status/index.ts';

const LOOK_EVERY_MS = 5_000;

/** @param onStep compares with the cloud's time, which is more reliable: it clears this problem and may raise `clock_differs`. */
export function watchClock(clock: Clock, problems: Problems, onStep: () => void): Ticker {
  const steps = new ClockSteps();
  const look = () => {
    const stepMs = steps.update(clock);
    if (stepMs === undefined) return;
    problems.clear('clock_stepped');
    if (stepMs !== 0) {
      const direction = stepMs > 0 ? 'ahead' : 'back';
      problems.raise('clock_stepped', `the clock was set ${direction} by ${Math.round(Math.abs(stepMs) / 1_000)} s while the agent ran`);
    }
    onStep();
  };
  look();
  return every(LOOK_EVERY_MS, look);
}
