// Tests jobs at times of the wall clock, also while that clock is set.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { createTask } from 'node-cron';
import { cronOf } from '../../src/clock/cron.ts';
import { decide, type JobMemory, type JobStore, Schedules } from '../../src/clock/schedule.ts';
import { cron as cronSchema } from '../../src/config/values.ts';
import { FakeClock, fakeClockMissing } from '../faults/fakeClock.ts';
import { ManualClock } from '../support/outbox.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;
const SUNDAYS = '0 3 * * 0';
/** A Sunday. */
const SUNDAY_MS = Date.UTC(2027, 0, 3, 3);

function memoryStore(): JobStore & { readonly kept: Map<string, JobMemory> } {
  const kept = new Map<string, JobMemory>();
  return { kept, read: (job) => kept.get(job), write: (job, memory) => void kept.set(job, memory) };
}

describe('a cron expression', () => {
  it('has a latest due time', () => {
    const sundays = cronOf(SUNDAYS);
    assert.equal(sundays.latest(SUNDAY_MS + 5 * DAY_MS, 31), SUNDAY_MS);
    assert.equal(sundays.latest(SUNDAY_MS, 31), SUNDAY_MS);
    assert.equal(sundays.latest(SUNDAY_MS - 1, 31), SUNDAY_MS - 7 * DAY_MS);
    assert.equal(sundays.latest(SUNDAY_MS + 5 * DAY_MS, 3), undefined);
    assert.equal(cronOf('*/15 * * * *').latest(SUNDAY_MS + 44 * MINUTE_MS, 0), SUNDAY_MS + 30 * MINUTE_MS);
    assert.equal(cronOf('0 0 L * *').latest(Date.UTC(2028, 2, 5), 31), Date.UTC(2028, 1, 29));
  });

  it('matches the same days as node-cron', () => {
    const field = (min: number, max: number) =>
      fc.oneof(
        fc.constant('*'),
        fc.integer({ min, max }).map(String),
        fc.integer({ min: 2, max: 5 }).map((step) => `*/${step}`),
        fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
        fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 4 }).map((values) => values.join(',')),
      );
    fc.assert(
      fc.property(field(1, 28), field(1, 12), field(0, 7), fc.integer({ min: -30_000, max: 60_000 }), (day, month, weekday, days) => {
        const expression = `30 4 ${day} ${month} ${weekday}`;
        const moment = days * DAY_MS + 4.5 * HOUR_MS;
        const isDue = cronOf(expression).latest(moment, 0) === moment;
        assert.equal(isDue, createTask(expression, () => {}, { timezone: 'UTC' }).match(new Date(moment)), expression);
      }),
      { numRuns: 1_000 },
    );
  });

  for (const wrong of ['', 'now', '* * * *', '0 0 * * * *', '61 * * * *', '0 3 30 2 *', '@weekly', '* * * * 9']) {
    it(`cannot be "${wrong}"`, () => assert.equal(cronSchema.safeParse(wrong).success, false));
  }
});

describe('a schedule', () => {
  const setUp = (expression = SUNDAYS) => {
    const clock = new ManualClock();
    const store = memoryStore();
    const runs: number[] = [];
    const failed: string[] = [];
    const begin = () => {
      const schedules = new Schedules({ clock, store, onFailed: (job, reason) => failed.push(`${job}: ${reason}`) });
      schedules.add('job', expression, () => {
        runs.push(clock.wall());
        return Promise.resolve();
      });
      return schedules;
    };
    return { clock, store, runs, failed, begin };
  };
  const at = async (schedules: Schedules, clock: ManualClock, wallMs: number) => {
    clock.wallMs = wallMs;
    schedules.startDueJobs();
    await new Promise(setImmediate);
  };

  it('starts a job once in its minute, and not when the job is new', async () => {
    const { clock, runs, begin } = setUp();
    const schedules = begin();
    await at(schedules, clock, SUNDAY_MS - DAY_MS);
    for (let ms = -2 * MINUTE_MS; ms < 2 * HOUR_MS; ms += MINUTE_MS / 2) await at(schedules, clock, SUNDAY_MS + ms);
    assert.deepEqual(runs, [SUNDAY_MS]);
  });

  it('runs a missed job once after the robot was off', async () => {
    const { clock, runs, begin } = setUp();
    await at(begin(), clock, SUNDAY_MS - DAY_MS);
    const woken = SUNDAY_MS + 9 * DAY_MS;
    await at(begin(), clock, woken);
    await at(begin(), clock, woken + MINUTE_MS);
    assert.deepEqual(runs, [woken]);
  });

  it('applies a changed time without running missed times, and ends when its time is removed', async () => {
    const { clock, runs, begin } = setUp();
    const schedules = begin();
    const work = () => Promise.resolve(void runs.push(clock.wall()));
    await at(schedules, clock, SUNDAY_MS - DAY_MS);
    schedules.set('job', SUNDAYS, work);
    await at(schedules, clock, SUNDAY_MS);
    assert.deepEqual(runs, [SUNDAY_MS]);
    schedules.set('job', '* * * * *', work);
    assert.deepEqual(runs, [SUNDAY_MS], 'the current minute began before the change');
    await at(schedules, clock, SUNDAY_MS + MINUTE_MS);
    assert.deepEqual(runs, [SUNDAY_MS, SUNDAY_MS + MINUTE_MS]);
    schedules.set('job', null, work);
    await at(schedules, clock, SUNDAY_MS + DAY_MS);
    assert.equal(runs.length, 2);
  });

  it('starts no job while the clock is not trusted', async () => {
    const { clock, runs, begin } = setUp('* * * * *');
    const schedules = begin();
    await at(schedules, clock, SUNDAY_MS);
    clock.isTrusted = false;
    await at(schedules, clock, SUNDAY_MS + HOUR_MS);
    assert.deepEqual(runs, []);
    clock.isTrusted = true;
    await at(schedules, clock, SUNDAY_MS + HOUR_MS);
    assert.equal(runs.length, 1);
  });

  it('does not start a running job again, and reports a failure', async () => {
    const clock = new ManualClock();
    const failed: string[] = [];
    const endings: ((error: Error) => void)[] = [];
    const schedules = new Schedules({ clock, store: memoryStore(), onFailed: (job, reason) => failed.push(`${job}: ${reason}`) });
    schedules.add('job', '* * * * *', () => new Promise((_, reject) => endings.push(reject)));
    for (let n = 0; n < 5; n++) await at(schedules, clock, SUNDAY_MS + n * MINUTE_MS);
    assert.equal(endings.length, 1);
    endings[0]?.(new Error('no space'));
    await new Promise(setImmediate);
    assert.deepEqual(failed, ['job: no space']);
    await at(schedules, clock, SUNDAY_MS + 5 * MINUTE_MS);
    assert.equal(endings.length, 2);
  });

  it('does not start a job whose memory could not be stored', async () => {
    const { clock, store, runs, failed, begin } = setUp();
    const schedules = begin();
    await at(schedules, clock, SUNDAY_MS - DAY_MS);
    store.write = () => {
      throw new Error('disk full');
    };
    await at(schedules, clock, SUNDAY_MS);
    assert.deepEqual(runs, []);
    assert.deepEqual(failed, ['job: disk full']);
  });

  // A history consists of minutes that pass and of clock steps between them.
  const steps = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ passMs: fc.integer({ min: 1_000, max: 70_000 }) }) },
      { weight: 2, arbitrary: fc.record({ passMs: fc.integer({ min: HOUR_MS, max: 3 * DAY_MS }) }) },
      { weight: 1, arbitrary: fc.record({ stepMs: fc.integer({ min: -2 * HOUR_MS, max: 2 * HOUR_MS }) }) },
      { weight: 1, arbitrary: fc.record({ stepMs: fc.constantFrom(-YEAR_MS, YEAR_MS, -56 * YEAR_MS, 56 * YEAR_MS, -DAY_MS, DAY_MS) }) },
    ),
    { maxLength: 60, size: 'max' },
  );
  const expressions = fc.constantFrom(SUNDAYS, '0 * * * *', '*/10 2-5 * * *', '30 4 1 * *', '15 3 L * *', '* * * * *');

  it('starts a job at most once for a minute and for a clock step, and continues after the step, in any history', () => {
    fc.assert(
      fc.property(expressions, steps, (expression, history) => {
        const cron = cronOf(expression);
        let nowMs = SUNDAY_MS - 2 * DAY_MS;
        let memory = decide(cron, undefined, nowMs).memory;
        let [begun, stepped, passed] = [0, 0, 0];
        const slots = new Set<number>();
        for (const event of history) {
          const before = nowMs;
          if ('stepMs' in event) {
            nowMs += event.stepMs;
            stepped++;
          } else {
            nowMs += event.passMs;
            if (cron.latest(nowMs, 31) !== cron.latest(before, 31)) passed++;
          }
          const { isDue, memory: next } = decide(cron, memory, nowMs);
          memory = next;
          if (!isDue) continue;
          begun++;
          const slot = Number(memory.ran.at(-1));
          assert.ok(slot <= nowMs, 'a started job is due');
          assert.ok(!slots.has(slot), 'a job starts at most once for a minute');
          slots.add(slot);
        }
        assert.ok(begun <= passed + stepped, `${begun} jobs started, ${passed} were due, ${stepped} steps`);
        // At its next due time the job starts, whatever the clock shows now.
        const last = cron.latest(nowMs, 31);
        for (let days = 1; days <= 31; days++) {
          const later = cron.latest(nowMs + days * DAY_MS, 31);
          if (later === undefined || later === last) continue;
          if (!slots.has(later)) assert.ok(decide(cron, memory, nowMs + days * DAY_MS).isDue, 'the job starts again');
          return;
        }
        assert.fail('nothing is due within a month');
      }),
      { numRuns: 300 },
    );
  });

  it('checks its jobs within 50 ms after steps of a real clock by a year and to 1970', { skip: fakeClockMissing() }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-schedule-'));
    try {
      const file = join(folder, 'time');
      const clock = new FakeClock(file);
      const life = fileURLToPath(new URL('scheduleLife.ts', import.meta.url));
      const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', 'tsx', life, file], {
        env: { ...process.env, ...clock.env() },
        encoding: 'utf8',
        timeout: 60_000,
      });
      assert.equal(status, 0, stderr);
      const { longestMs, runs, minutes } = JSON.parse(stdout) as { longestMs: number; runs: Record<string, number>; minutes: number };
      assert.ok(longestMs < 50, `a check took ${longestMs} ms of processor time`);
      // A job may run once for each of the six steps, and once for each minute that passed.
      for (const [expression, count] of Object.entries(runs)) assert.ok(count <= 6 + minutes, `${expression} ran ${count} times`);
      // After a step back the job waits for the next minute. The last step leads to a minute for which the job already ran.
      assert.ok(Number(runs['* * * * *']) >= 3, 'the job continues after each step');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
