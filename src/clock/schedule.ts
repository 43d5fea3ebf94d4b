// Runs jobs at times of the wall clock, even if that clock is set. If it is set back, a job neither runs again for a due time that it has
// already run for, nor waits until the clock has caught up. If due times were missed, because the robot was off or the clock jumped ahead,
// the job runs once. However far the clock jumps, a check takes no longer.

import { messageOf, type Ticker } from '../base/index.ts';
import type { Clock } from './clock.ts';
import { type Cron, cronOf } from './cron.ts';

const MINUTE_MS = 60_000;

/** Checks are made this long after a full minute, so that the minute has begun even if the timer fires a little early. */
const AFTER_MS = 50;

/** How far back to look for missed due times. */
const LOOK_BACK_DAYS = 31;

/**
 * How many due times a job remembers. If the clock is set back further than that, the job may run again for a minute it has already run
 * for.
 */
const REMEMBERED = 64;

export interface JobMemory {
  /** The job only runs for due times after this wall time, in milliseconds. */
  readonly from: number;
  /** The latest due times for which the job has been started, in milliseconds. */
  readonly ran: readonly number[];
}

/** Decides whether a job is due, and what it must remember. @param memory undefined for a new job, which waits for its next due time. */
export function decide(cron: Cron, memory: JobMemory | undefined, nowMs: number): { memory: JobMemory; isDue: boolean } {
  if (!memory) return { memory: { from: nowMs, ran: [] }, isDue: false };
  // If the clock was ahead when the job was added, the job must not wait for that time to come round again.
  const from = Math.min(memory.from, nowMs);
  const slot = cron.latest(nowMs, LOOK_BACK_DAYS);
  const isDue = slot !== undefined && slot > from && !memory.ran.includes(slot);
  return { memory: { from, ran: isDue ? [...memory.ran, slot].slice(-REMEMBERED) : memory.ran }, isDue };
}

/** Keeps what the jobs remember across restarts. */
export interface JobStore {
  read(job: string): JobMemory | undefined;
  /** Must be durable when this returns, because the job is started right afterwards. */
  write(job: string, memory: JobMemory): void;
}

interface SchedulesOptions {
  readonly clock: Clock;
  readonly store: JobStore;
  /** Called if a job fails, or if its memory cannot be written. A failed job is not retried before its next due time. */
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

  /** Adds a job. @param name identifies it in the store. @param expression five cron fields, in UTC. */
  add(name: string, expression: string, work: () => Promise<void>): void {
    this.#add(name, expression, work, this.#options.store.read(name));
  }

  /** Changes a job's schedule, discarding any missed due times. @param expression null removes the job. */
  set(name: string, expression: string | null, work: () => Promise<void>): void {
    if (this.#jobs.some((job) => job.name === name && job.expression === expression)) return;
    this.#jobs = this.#jobs.filter((job) => job.name !== name);
    if (expression === null) return;
    this.#add(name, expression, work, undefined);
    this.startDueJobs();
  }

  /** Checks the jobs now and at the beginning of every minute. */
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

  /** Starts the due jobs that are not running already. Does nothing as long as the clock is not trusted. */
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
