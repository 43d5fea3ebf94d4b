// Stores what must survive the loss of the outbox file, in a small file next to it: the boot counter, the total running time, the latest
// known time, whether a receipt has ever arrived, how batteries count, which channels are unheard, and a record of this run.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { codeOf, parseJson, replaceFile } from '../base/index.ts';
import type { OtherFolder } from './storage.ts';

/** The record of a run, from which the next run works out why it ended. */
const run = z.object({
  version: z.string(),
  /** The kernel's boot id; null if it is unreadable. */
  boot_id: z.string().nullable(),
  /** systemd's invocation id; null if systemd did not start the agent. */
  invocation: z.string().nullable(),
  /**
   * Null until the agent stops cleanly, so still null after a crash or a kill. `failed` means that startup failed, and `mending` that the
   * agent is about to restart in order to repair its outbox.
   */
  stopped: z.enum(['asked', 'failed', 'mending']).nullable(),
});
export type Run = Readonly<z.infer<typeof run>>;
export type Stopped = NonNullable<Run['stopped']>;

const schema = z.object({
  /** The boot counter: how many times the agent has been started. It is the first part of every mark. */
  boot: z.int().min(0),
  /** How long the agent has been running over all runs, by the monotonic clock, in milliseconds. */
  ran_ms: z.int().min(0),
  /** The latest wall time that this robot has seen, as src/clock/trust.ts defines it. */
  wall_ms: z.int().min(0),
  receipts_seen: z.boolean(),
  /** The id of the outbox that was opened last. If the outbox file does not contain it, the file has been lost or replaced. */
  outbox: z.string().nullable().default(null),
  /** Ids of outboxes that the cloud does not fully know. If the outbox file no longer contains one, it must be declared closed. */
  owed: z.array(z.string()).default([]),
  /** The number of rows that each of these outboxes had accepted when this file was saved. */
  accepted: z.record(z.string(), z.int().min(0)).default({}),
  /** Topics on which a battery has published a percentage from 0 to 100 (src/sensing/battery.ts). */
  percent_topics: z.array(z.string()).default([]),
  /** Channels that are unusable because no publisher is heard (src/sensing/faults.ts). */
  unheard_channels: z.array(z.string()).default([]),
  run: run.nullable().default(null),
  /** In a stand-in, the milliseconds of the latest mark. Later marks of the same boot number must exceed it. */
  mark_ms: z.int().min(0).default(0),
});

/** A lifetime of another robot, or of someone else: no number of it may grow beyond what a number can hold, nor a time beyond the year 2200. */
const foreign = schema.extend({
  boot: z.int().min(0).max(1e14),
  ran_ms: z.int().min(0).max(1e13),
  wall_ms: z.int().min(0).max(Date.UTC(2200, 0)),
  outbox: z.string().max(64).nullable(),
  owed: z.array(z.string().max(64)).max(10_000),
});

type Kept = z.infer<typeof schema>;

/** The agent saves the lifetime at least this often. */
export const SAVED_EVERY_MS = 60_000;

/** The name of the file in the state directory. */
export const LIFETIME_FILE = 'lifetime.json';

const FIRST: Kept = {
  boot: 0,
  ran_ms: 0,
  wall_ms: 0,
  receipts_seen: false,
  outbox: null,
  owed: [],
  accepted: {},
  percent_topics: [],
  unheard_channels: [],
  run: null,
  mark_ms: 0,
};

/** Returns the latest wall time that this robot has seen; 0 before the first. Unlike {@link Lifetime.begin}, does not count a start. */
export function lastKnownWallMs(stateDir: string): number {
  return readLast(join(stateDir, LIFETIME_FILE)).wall_ms;
}

export class Lifetime {
  /**
   * The number of this start. A start that cannot be saved in the state directory uses the last saved number again, because the next start that
   * can be saved must have a higher one.
   */
  readonly boot: number;
  /** Running time of all earlier runs, in milliseconds. */
  readonly ranBeforeMs: number;
  readonly lastWallMs: number;
  /** The record of the previous run; null on the first run. */
  readonly lastRun: Run | null;
  /** Topics on which a battery has published a percentage from 0 to 100. The next {@link save} records an added topic. */
  readonly percentTopics: Set<string>;
  /** Channels that are unusable because no publisher is heard. The next {@link save} records a change. */
  readonly unheardChannels: Set<string>;
  /** The milliseconds of a mark at this start: 0, or in a stand-in so many that all earlier marks of the same boot number are exceeded. */
  readonly #markFromMs: number;
  readonly #file: string;
  readonly #run: Omit<Run, 'stopped'> | null;
  #stopped: Stopped | null = null;
  #knownMs: number;
  #receiptsSeen: boolean;
  #outbox: string | null;
  #owed: readonly string[];
  #accepted: Readonly<Record<string, number>>;

  private constructor(file: string, last: Kept, run: Omit<Run, 'stopped'> | null, isStandIn: boolean) {
    this.#file = file;
    this.#run = run;
    this.lastRun = last.run;
    this.boot = isStandIn ? last.boot : last.boot + 1;
    this.#markFromMs = isStandIn ? Math.max(Date.now(), last.wall_ms, last.mark_ms + 2 * SAVED_EVERY_MS) : 0;
    this.ranBeforeMs = last.ran_ms;
    this.lastWallMs = last.wall_ms;
    this.#knownMs = last.wall_ms;
    this.#receiptsSeen = last.receipts_seen;
    this.#outbox = last.outbox;
    this.#owed = last.owed;
    this.#accepted = last.accepted;
    this.percentTopics = new Set(last.percent_topics);
    this.unheardChannels = new Set(last.unheard_channels);
  }

  /** Whether an agent has started with this state directory before. */
  static hasBegun(stateDir: string): boolean {
    return existsSync(join(stateDir, LIFETIME_FILE));
  }

  /**
   * Starts a new run. The incremented boot counter is durable before it is used, so that no two runs share a number.
   * @param other the other folder with a lifetime of this robot (src/state/storage.ts).
   */
  static begin(stateDir: string, run: Omit<Run, 'stopped'> | null = null, other?: OtherFolder): Lifetime {
    const file = join(stateDir, LIFETIME_FILE);
    const last = other ? merged(readLast(file), readOther(other), other.ends) : readLast(file);
    const lifetime = new Lifetime(file, last, run, other?.ends === false);
    lifetime.save(0);
    return lifetime;
  }

  get receiptsSeen(): boolean {
    return this.#receiptsSeen;
  }

  /** The ids that the outbox file must contain: the one opened last, and those that the cloud did not fully know at that time. */
  get outboxes(): readonly string[] {
    return [...new Set([...this.#owed, ...(this.#outbox === null ? [] : [this.#outbox])])];
  }

  /** Returns the mark of a moment of this run. @param monoMs monotonic time */
  mark(monoMs: number): [boot: number, ms: number] {
    return [this.boot, this.#markFromMs + monoMs];
  }

  /** Returns a mark in this run's monotonic time if this run made it. Otherwise its boot number is not that of this run. */
  ownMark([boot, ms]: readonly [boot: number, ms: number]): [boot: number, ms: number] {
    return boot === this.boot && ms < this.#markFromMs ? [boot - 1, ms] : [boot, boot === this.boot ? ms - this.#markFromMs : ms];
  }

  /** Returns how many rows an outbox had accepted at least when its file was lost; 0 if unknown. */
  acceptedBy(id: string): number {
    return this.#accepted[id] ?? 0;
  }

  /** The next {@link save} records the number. */
  setAccepted(id: string, accepted: number): void {
    this.#accepted = { ...this.#accepted, [id]: accepted };
  }

  /**
   * Durably records a newly opened outbox.
   * @param owed ids of outboxes that the cloud does not fully know.
   * @param accepted how many rows each outbox of the file has accepted.
   */
  openedOutbox(id: string, owed: readonly string[], accepted: readonly (readonly [id: string, accepted: number])[], ranMs: number): void {
    this.#outbox = id;
    this.#owed = owed;
    this.#accepted = Object.fromEntries(accepted.filter(([each]) => each === id || owed.includes(each)));
    this.save(ranMs);
  }

  /** Durably records that a receipt has arrived. From then on, acknowledged rows may only be deleted if a receipt covers them. */
  sawReceipt(ranMs: number): void {
    if (this.#receiptsSeen) return;
    this.#receiptsSeen = true;
    this.save(ranMs);
  }

  /**
   * Sets the latest time that this robot has seen. Unless other evidence decides, later runs do not trust a clock that shows an earlier time.
   * The next {@link save} records it.
   */
  setKnownTime(wallMs: number): void {
    this.#knownMs = wallMs;
  }

  /** Records why this run ended. */
  end(ranMs: number, stopped: Stopped | null): void {
    this.#stopped = stopped;
    this.save(ranMs);
  }

  /** @param ranMs running time of this run. */
  save(ranMs: number): void {
    const text = JSON.stringify({
      boot: this.boot,
      ran_ms: this.ranBeforeMs + ranMs,
      wall_ms: this.#knownMs,
      receipts_seen: this.#receiptsSeen,
      outbox: this.#outbox,
      owed: [...this.#owed],
      accepted: { ...this.#accepted },
      percent_topics: [...this.percentTopics],
      unheard_channels: [...this.unheardChannels],
      run: this.#run && { ...this.#run, stopped: this.#stopped },
      mark_ms: this.#markFromMs + ranMs,
    } satisfies Kept);
    replaceFile(this.#file, `${text}\n`);
  }
}

/**
 * Restores a backup's lifetime if the state directory has none that an agent used, as on a new robot. It is unknown how many runs followed
 * the backup, and no two may share a number, so the boot counter continues from the current time in milliseconds, which no count of runs can
 * reach. Call this before the outbox file is in place, and the returned function afterwards: a start in between must neither use a number
 * again nor miss the backup's outboxes.
 * @param text the file's content when the backup was made.
 */
export function restoreLifetime(stateDir: string, text: string, nowMs: number): () => void {
  const file = join(stateDir, LIFETIME_FILE);
  const present = readLast(file);
  if (present.outbox !== null) return () => {};
  const then = foreign.safeParse(parseJson(text)).data ?? FIRST;
  const boot = Math.max(then.boot, present.boot, nowMs);
  const write = (outboxes: Partial<typeof then>) => replaceFile(file, `${JSON.stringify({ ...then, boot, run: null, ...outboxes })}\n`);
  write({ outbox: null, owed: [] });
  return () => write({});
}

/** A disk that cannot be written may be unreadable too, or not mounted. How many runs there were is then unknown. */
function readOther({ folder }: OtherFolder): Kept {
  const file = join(folder, LIFETIME_FILE);
  try {
    if (existsSync(file)) return readLast(file);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
  }
  return FIRST;
}

/** Has no side effects. @param ends whether `own` takes over the outboxes of `other`, so that its outbox file must contain them. */
export function merged(own: Kept, other: Kept, ends: boolean): Kept {
  const later = other.boot > own.boot ? other : own;
  const taken = ends ? [...other.owed, ...(other.outbox === null ? [] : [other.outbox])] : [];
  return {
    ...later,
    ran_ms: Math.max(own.ran_ms, other.ran_ms),
    wall_ms: Math.max(own.wall_ms, other.wall_ms),
    receipts_seen: own.receipts_seen || other.receipts_seen,
    outbox: own.outbox,
    owed: [...new Set([...own.owed, ...taken])],
    accepted: { ...other.accepted, ...own.accepted },
    mark_ms: Math.max(own.mark_ms, other.mark_ms),
  };
}

/**
 * Reads the file. If its content is invalid, sets the boot counter to the current time in milliseconds, so that no number is used twice.
 */
function readLast(file: string): Kept {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return FIRST;
    throw error;
  }
  return schema.safeParse(parseJson(text)).data ?? { ...FIRST, boot: Date.now() };
}
