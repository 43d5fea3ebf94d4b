// When a cron expression was last due, in UTC. node-cron reads the expression, and says whether a day fits that is named by more than
// numbers; its scheduler is not used: it walks through every moment that a clock was set over, which blocks for seconds when a robot's
// clock jumps.
import { createTask, parse } from 'node-cron';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

export interface Cron {
  /**
   * The latest moment the expression names that is not after `nowMs`, a full minute.
   * @param days how many days to look back, today not counted; each costs some 12 µs at most.
   */
  latest(nowMs: number, days: number): number | undefined;
}

/** @param expression five fields, checked by the configuration. @throws node-cron's error where it is none. */
export function cronOf(expression: string): Cron {
  const { hour, minute } = parse(expression);
  const ofDay = hour.flatMap((h) => minute.map((m) => (h * 60 + m) * MINUTE_MS)).sort((a, b) => b - a);
  const first = ofDay.at(-1) ?? 0;
  const fits = dayMatcher(expression);
  return {
    latest: (nowMs, days) => {
      const today = nowMs - mod(nowMs, DAY_MS);
      for (let back = 0; back <= days; back++) {
        const day = today - back * DAY_MS;
        if (!fits(new Date(day + first))) continue;
        const time = ofDay.find((ms) => day + ms <= nowMs);
        if (time !== undefined) return day + time;
      }
      return undefined;
    },
  };
}

/** Whether a day fits, asked with the first moment of it that does. */
function dayMatcher(expression: string): (moment: Date) => boolean {
  const { dayOfMonth, month, dayOfWeek } = parse(expression);
  if ([...dayOfMonth, ...dayOfWeek].every((value) => typeof value === 'number')) {
    return (moment) =>
      dayOfMonth.includes(moment.getUTCDate()) && month.includes(moment.getUTCMonth() + 1) && dayOfWeek.includes(moment.getUTCDay());
  }
  // `L`, `15W`, `5#2`. Not for the others: it asks Intl, which for the rest of the process keeps 7 MB of calendars in memory.
  // Never started: it has no timers.
  const task = createTask(expression, () => {}, { timezone: 'UTC' });
  return (moment) => task.match(moment);
}

/** Never negative, also for a clock before 1970. */
function mod(value: number, by: number): number {
  return ((value % by) + by) % by;
}
