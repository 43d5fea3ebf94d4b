// Computes the last due time of a cron expression, in UTC. node-cron parses the expression and matches days that are not plain numbers. Its
// scheduler is not used, because after a clock step it visits every minute in between, which blocks the event loop for seconds if the step
// is large.
import { createTask, parse } from 'node-cron';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

export interface Cron {
  /**
   * Returns the latest due time at or before `nowMs`; undefined if there is no such time within the searched days.
   * @param days how many days before today to search, at up to 12 µs each.
   */
  latest(nowMs: number, days: number): number | undefined;
}

/** @param expression five fields, already validated with the configuration. @throws node-cron's error if the expression is invalid. */
export function cronOf(expression: string): Cron {
  const { hour, minute } = parse(expression);
  const ofDay = hour.flatMap((h) => minute.map((m) => (h * 60 + m) * MINUTE_MS)).sort((a, b) => b - a);
  const first = ofDay.at(-1) ?? 0;
  const matches = dayMatcher(expression);
  return {
    latest: (nowMs, days) => {
      // For times before 1970, % returns a negative remainder.
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

/** Returns a function that tests whether a day matches. It must be called with the first due time of that day. */
function dayMatcher(expression: string): (moment: Date) => boolean {
  const { dayOfMonth, month, dayOfWeek } = parse(expression);
  if ([...dayOfMonth, ...dayOfWeek].every((value) => typeof value === 'number')) {
    return (moment) =>
      dayOfMonth.includes(moment.getUTCDate()) && month.includes(moment.getUTCMonth() + 1) && dayOfWeek.includes(moment.getUTCDay());
  }
  // Only expressions such as `L`, `15W` and `5#2` need node-cron's task. Avoid it otherwise, because it uses Intl, whose calendars then
  // take up 7 MB for the rest of the run. The task is never started, so it has no timers.
  const task = createTask(expression, () => {}, { timezone: 'UTC' });
  return (moment) => task.match(moment);
}
