// Runs jobs at times of the wall clock, also when the clock is set. A job starts at most once for a calendar minute, and at most once in each
// check of the jobs. No job waits until a clock that was set back catches up. A job whose time was missed (the robot was off, or the clock
// jumped over it) runs once. The time of a check does not depend on the size of a clock step.

import { messageOf, type Ticker } from '../base/index.ts';
import type { Clock } from './clock.ts';
import { type Cron, cronOf } from './cron.ts';

const MINUTE_MS = 60_000;

/** A check runs this long after the start of a minute, so that the minute has begun by both clocks. */
const AFTER_MS = 50;

/** Jobs that were missed longer ago do not run. */
const LOOK_BACK_DAYS = 31;

/** The number of start times that a job remembers. A clock that is set back behind all of them may start the job again for a minute. */
const REMEMBERED = 64;

export interface JobMemory {
  /** Wall time in milliseconds. The job never runs for an earlier due time. */
  readonly from: number;
  /** The calendar minutes for which the job started, as times in milliseconds. */
  readonly ran: readonly number[];
}

/** Pure. @param memory undefined for a new job, which waits for its next time. */
export function decide(cron: Cron, memory: JobMemory | undefined, nowMs: number): { memory: JobMemory; isDue: boolean } {
  if (!memory) return { memory: { from: nowMs, ran: [] }, isDue: false };
  // If the clock was ahead when the job was new, the job would otherwise wait until that time.
  const from = Math.min(memory.from, nowMs);
  const slot = cron.latest(nowMs, LOOK_BACK_DAYS);
  const isDue = slot !== undefined && slot > from && !memory.ran.includes(slot);
  return { memory: { from, ran: isDue ? [...memory.ran, slot].slice(-REMEMBERED) : memory.ran }, isDue };
}

/** Keeps the memory of jobs across restarts. */
export interface JobStore {
  read(job: string): JobMemory | undefined;
  /** The memory is durable when this returns. The job starts after that. */
  write(job: string, memory: JobMemory): void;
}

interface SchedulesOptions {
  readonly clock: Clock;
  readonly store: JobStore;
  /** Reports that a job, or the write of its memory, failed. The job is tried again at its next time. */
  readonly onFailed: (job: string, reason: string) => void;
}

interface Job {
  readonly name: string;
  readonly expression: string;
  readonly cron: Cron;
  readonly work: () => Promise<void>;
  memory: JobMemory | undefined;
  isRunning: boolean;
}

export class Schedules {
  readonly #options: SchedulesOptions;
  #jobs: Job[] = [];

  constructor(options: SchedulesOptions) {
    this.#options = options;
  }

  /** @param name the key of the job's memory. @param expression five cron fields, in UTC. */
  add(name: string, expression: string, work: () => Promise<void>): void {
    this.#add(name, expression, work, this.#options.store.read(name));
  }

  /** Changes the time of a job. Times that were due before the change no longer count. @param expression null to remove the job. */
  set(name: string, expression: string | null, work: () => Promise<void>): void {
    if (this.#jobs.some((job) => job.name === name && job.expression === expression)) return;
    this.#jobs = this.#jobs.filter((job) => job.name !== name);
    if (expression === null) return;
    this.#add(name, expression, work, undefined);
    this.startDueJobs();
  }

  /** Checks the jobs now, and after the start of each minute. */
  start(): Ticker {
    let timer: NodeJS.Timeout;
    const check = () => {
      this.startDueJobs();
      timer = setTimeout(check, msToNextMinute(this.#options.clock.wall()));
      timer.unref();
    };
    check();
    return { stop: () => clearTimeout(timer) };
  }

  /** Starts due jobs that are not running. Starts nothing while the clock is not trusted. */
  startDueJobs(): void {
    const { clock } = this.#options;
    if (!clock.trusted()) return;
    const nowMs = clock.wall();
    for (const job of this.#jobs) if (!job.isRunning) this.#startIfDue(job, nowMs);
  }

  #add(name: string, expression: string, work: () => Promise<void>, memory: JobMemory | undefined): void {
    this.#jobs.push({ name, expression, cron: cronOf(expression), work, memory, isRunning: false });
  }

  #startIfDue(job: Job, nowMs: number): void {
    const { store, onFailed } = this.#options;
    const { memory, isDue } = decide(job.cron, job.memory, nowMs);
    try {
      if (isDue || memory.from !== job.memory?.from) store.write(job.name, memory);
    } catch (error) {
      onFailed(job.name, messageOf(error));
      return;
    }
    job.memory = memory;
    if (!isDue) return;
    job.isRunning = true;
    job
      .work()
      .catch((error: unknown) => onFailed(job.name, messageOf(error)))
      .finally(() => {
        job.isRunning = false;
      });
  }
}

function msToNextMinute(wallMs: number): number {
  return MINUTE_MS - (((wallMs % MINUTE_MS) + MINUTE_MS) % MINUTE_MS) + AFTER_MS;
}
