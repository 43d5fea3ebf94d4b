// Runs jobs for schedule.test.ts while the wall clock is set. Usage: scheduleLife.ts FILE, which libfaketime reads. Prints the longest
// processor time of a check of the jobs, and the number of starts of each job.
import { writeFileSync } from 'node:fs';
import { Schedules } from '../../src/clock/index.ts';

const [file = ''] = process.argv.slice(2);
const YEAR_S = 365 * 86_400;
const OFFSETS_S = [YEAR_S, -YEAR_S, 0, 20 * YEAR_S, -56 * YEAR_S, 0];
const CHECKS = 20;

const runs: Record<string, number> = {};
const startedAt = performance.now();
const memory = new Map();
const schedules = new Schedules({
  clock: { wall: () => Date.now(), mono: () => performance.now() - startedAt, trusted: () => true },
  store: { read: (job) => memory.get(job), write: (job, next) => void memory.set(job, next) },
  onFailed: (job, reason) => {
    throw new Error(`${job}: ${reason}`);
  },
});
for (const expression of ['* * * * *', '*/5 * * * *', '0 * * * *', '0 3 * * 0', '15 4 1 * *']) {
  runs[expression] = 0;
  schedules.add(expression, expression, () => {
    runs[expression] = (runs[expression] ?? 0) + 1;
    return Promise.resolve();
  });
}
schedules.startDueJobs();

let longestMs = 0;
for (const offset of OFFSETS_S) {
  writeFileSync(file, `${offset < 0 ? '' : '+'}${offset}`);
  for (let n = 0; n < CHECKS; n++) {
    const before = process.cpuUsage();
    schedules.startDueJobs();
    const { user, system } = process.cpuUsage(before);
    longestMs = Math.max(longestMs, (user + system) / 1_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
const minutes = Math.ceil((performance.now() - startedAt) / 60_000);
process.stdout.write(`${JSON.stringify({ longestMs, runs, minutes })}\n`);
