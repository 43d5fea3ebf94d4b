// Jobs on a wall clock that is set while they run, for schedule.test.ts: scheduleLife.ts FILE, the one that libfaketime reads. Prints
// the longest processor time of a look, and how often each job began.
import { writeFileSync } from 'node:fs';
import { Schedules } from '../../src/clock/index.ts';

const [file = ''] = process.argv.slice(2);
const YEAR_S = 365 * 86_400;
const OFFSETS_S = [YEAR_S, -YEAR_S, 0, 20 * YEAR_S, -56 * YEAR_S, 0];
const LOOKS = 20;

const runs: Record<string, number> = {};
const startedAt = performance.now();
const memory = new Map();
const schedules = new Schedules({
  clock: { wall: () => Date.now(), mono: () => performance.now() - startedAt, trusted: () => true },
  store: { read: (job) => memory.get(job), write: (job, next) => void memory.set(job, next) },
  onFailed: (job, why) => {
    throw new Error(`${job}: ${why}`);
  },
});
for (const expression of ['* * * * *', '*/5 * * * *', '0 * * * *', '0 3 * * 0', '15 4 1 * *']) {
  runs[expression] = 0;
  schedules.add(expression, expression, () => {
    runs[expression] = (runs[expression] ?? 0) + 1;
    return Promise.resolve();
  });
}
schedules.look();

let longestMs = 0;
for (const offset of OFFSETS_S) {
  writeFileSync(file, `${offset < 0 ? '' : '+'}${offset}`);
  for (let n = 0; n < LOOKS; n++) {
    const before = process.cpuUsage();
    schedules.look();
    const { user, system } = process.cpuUsage(before);
    longestMs = Math.max(longestMs, (user + system) / 1_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
const minutes = Math.ceil((performance.now() - startedAt) / 60_000);
process.stdout.write(`${JSON.stringify({ longestMs, runs, minutes })}\n`);
