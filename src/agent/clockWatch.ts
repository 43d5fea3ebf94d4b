// Says when the clock was set while the agent ran: with no network nobody else can, and what was measured since carries that time.
import { type Clock, ClockSteps, every, type Ticker } from '../clock/index.ts';
import type { Problems } from '../status/index.ts';

const LOOK_EVERY_MS = 5_000;

/** What the cloud's own time says afterwards counts more (uploads): it clears this, or raises `clock_differs`, which hides it. */
export function watchClock(clock: Clock, problems: Problems): Ticker {
  const steps = new ClockSteps();
  const look = () => {
    const stepMs = steps.look({ wallMs: clock.wall(), monoMs: clock.mono(), trusted: clock.trusted() });
    if (stepMs === 0) problems.clear('clock_stepped');
    else if (stepMs !== undefined) {
      const way = stepMs > 0 ? 'ahead' : 'back';
      problems.raise('clock_stepped', `the clock was set ${way} by ${Math.round(Math.abs(stepMs) / 1_000)} s while the agent ran`);
    }
  };
  look();
  return every(LOOK_EVERY_MS, look);
}
