// Jobs at times of the wall clock, on a ticker of monotonic time. Whatever the clock does: a look at it takes the same moment, no job
// begins more than once for the same minute of the calendar, none is begun more than once at a look, and none stands still until a
// clock that was set back has caught up. A missed time (the robot was off, the clock jumped over it) is made up for once.

import { messageOf, type Ticker } from '../base/index.ts';
import type { Clock } from './clock.ts';
import { type Cron, cronOf } from './cron.ts';

const MINUTE_MS = 60_000;

/** A look comes a moment after the minute has begun, by whichever clock is the later. */
const AFTER_MS = 50;

/** Times longer ago are not made up for. */
const LOOK_BACK_DAYS = 31;

/** Moments a job remembers to have begun at. A clock that is set back behind all of them may see one again. */
const REMEMBERED = 64;

export interface JobMemory {
  /** Nothing is due that was due before this, wall time in milliseconds. */
  readonly from: number;
  /** Minutes of the calendar it was begun for, as times in milliseconds. */
  readonly ran: readonly number[];
}

export interface Decision {
  readonly memory: JobMemory;
  readonly isDue: boolean;
}

/** Pure. @param memory undefined: the job is new, and waits for its first time. */
export function decide(cron: Cron, memory: JobMemory | undefined, nowMs: number): Decision {
  if (!memory) return { memory: { from: nowMs, ran: [] }, isDue: false };
  // A clock that was ahead when the job was new would hold it up until then.
  const from = Math.min(memory.from, nowMs);
  const slot = cron.latest(nowMs, LOOK_BACK_DAYS);
  const isDue = slot !== undefined && slot > from && !memory.ran.includes(slot);
  return { memory: { from, ran: isDue ? [...memory.ran, slot].slice(-REMEMBERED) : memory.ran }, isDue };
}

/** Keeps the memory of jobs across restarts. */
export interface JobStore {
  read(job: string): JobMemory | undefined;
  /** Durable when it returns: a job is begun after that. */
  write(job: string, memory: JobMemory): void;
}

export interface SchedulesOptions {
  readonly clock: Clock;
  readonly store: JobStore;
  /** A job, or the memory of it, failed; it is tried at its next time. */
  readonly onFailed: (job: string, why: string) => void;
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

  /** @param name what it is remembered by. @param expression five cron fields, UTC. */
  add(name: string, expression: string, work: () => Promise<void>): void {
    const memory = this.#options.store.read(name);
    this.#jobs.push({ name, expression, cron: cronOf(expression), work, memory, isRunning: false });
  }

  /** Gives a job another time, while they run: what was due before counts no more. @param expression null: there is no such job any more. */
  set(name: string, expression: string | null, work: () => Promise<void>): void {
    if (this.#jobs.some((job) => job.name === name && job.expression === expression)) return;
    this.#jobs = this.#jobs.filter((job) => job.name !== name);
    if (expression === null) return;
    this.#jobs.push({ name, expression, cron: cronOf(expression), work, memory: undefined, isRunning: false });
    this.look();
  }

  /** Looks now, and a moment after each minute begins. */
  start(): Ticker {
    let timer: NodeJS.Timeout;
    const look = () => {
      this.look();
      timer = setTimeout(look, msToNextMinute(this.#options.clock.wall()));
      timer.unref();
    };
    look();
    return { stop: () => clearTimeout(timer) };
  }

  /** Begins what is due; while a job runs it is not begun again. Nothing is due by a clock that can't be believed. */
  look(): void {
    const { clock } = this.#options;
    if (!clock.trusted()) return;
    const nowMs = clock.wall();
    for (const job of this.#jobs) if (!job.isRunning) this.#lookAt(job, nowMs);
  }

  #lookAt(job: Job, nowMs: number): void {
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
