// Calculates the last due time of a cron expression, in UTC. node-cron parses the expression, and matches days that are not plain
// numbers. Its scheduler is not used: it visits every minute that a clock step passed over, which blocks for seconds after a big step.
import { createTask, parse } from 'node-cron';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

export interface Cron {
  /**
   * @param days the number of days to search before today. Each day costs about 12 µs at most.
   * @returns the latest due time at or before `nowMs`, which is a full minute.
   */
  latest(nowMs: number, days: number): number | undefined;
}

/** @param expression five fields, checked by the configuration. @throws node-cron's error if the expression is invalid. */
export function cronOf(expression: string): Cron {
  const { hour, minute } = parse(expression);
  const ofDay = hour.flatMap((h) => minute.map((m) => (h * 60 + m) * MINUTE_MS)).sort((a, b) => b - a);
  const first = ofDay.at(-1) ?? 0;
  const matches = dayMatcher(expression);
  return {
    latest: (nowMs, days) => {
      // The remainder is negative for times before 1970.
      const today = nowMs - (((nowMs % DAY_MS) + DAY_MS) % DAY_MS);
      for (let back = 0; back <= days; back++) {
        const day = today - back * DAY_MS;
        if (!matches(new Date(day + first))) continue;
        const time = ofDay.find((ms) => day + ms <= nowMs);
        if (time !== undefined) return day + time;
      }
      return undefined;
    },
  };
}

/** @returns a test for days. Its argument is the first due time of the day. */
function dayMatcher(expression: string): (moment: Date) => boolean {
  const { dayOfMonth, month, dayOfWeek } = parse(expression);
  if ([...dayOfMonth, ...dayOfWeek].every((value) => typeof value === 'number')) {
    return (moment) =>
      dayOfMonth.includes(moment.getUTCDate()) && month.includes(moment.getUTCMonth() + 1) && dayOfWeek.includes(moment.getUTCDay());
  }
  // Expressions such as `L`, `15W` and `5#2` need node-cron's task. Other expressions avoid it: it uses Intl, which keeps 7 MB of calendars
  // in memory until the process ends. The task is never started, so it has no timers.
  const task = createTask(expression, () => {}, { timezone: 'UTC' });
  return (moment) => task.match(moment);
}
