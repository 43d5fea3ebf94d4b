// Facts that outlive the outbox file, in a small file beside it: the number of this start, the total running time, the latest known
// time, and whether a cloud has ever sent a receipt. A damaged outbox must not reset any of these.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { codeOf, parseJson, replaceFile } from '../base/index.ts';
import type { Run, Stopped } from './run.ts';

const schema = z.object({
  /** Counts the starts of the agent; the first half of every mark. */
  boot: z.int().min(0),
  /** Milliseconds the agent has run in earlier starts, by the monotonic clock: time off does not count. */
  ran_ms: z.int().min(0),
  /** The latest wall time that something outside vouched for. */
  wall_ms: z.int().min(0),
  receipts_seen: z.boolean(),
  /** The outbox id that was opened last: a file that does not know it has vanished, or is another. */
  outbox: z.string().nullable().default(null),
  /** Outbox ids of which the cloud still has to hear something: gone with the file, they have to be declared. */
  owed: z.array(z.string()).default([]),
  /** From this the next start learns how this run ended. */
  run: z
    .object({
      version: z.string(),
      boot_id: z.string().nullable(),
      invocation: z.string().nullable(),
      stopped: z.enum(['asked', 'failed', 'mending']).nullable(),
    })
    .nullable()
    .default(null),
});

/** Its name in the state directory. */
export const LIFETIME_FILE = 'lifetime.json';

const FIRST: z.infer<typeof schema> = { boot: 0, ran_ms: 0, wall_ms: 0, receipts_seen: false, outbox: null, owed: [], run: null };

/** The latest wall time that something outside vouched for, without counting a start; 0 if there is no such time. */
export function lastKnownWallMs(stateDir: string): number {
  return readLast(join(stateDir, LIFETIME_FILE)).wall_ms;
}

export class Lifetime {
  readonly boot: number;
  /** Running time before this start, in milliseconds. */
  readonly ranBeforeMs: number;
  readonly lastWallMs: number;
  /** The record of the previous run; null before the first. */
  readonly lastRun: Run | null;
  readonly #file: string;
  readonly #run: Omit<Run, 'stopped'> | null;
  #stopped: Stopped | null = null;
  #vouchedMs = 0;
  #receiptsSeen: boolean;
  #outbox: string | null;
  #owed: readonly string[];

  private constructor(file: string, last: z.infer<typeof schema>, run: Omit<Run, 'stopped'> | null) {
    this.#file = file;
    this.#run = run;
    this.lastRun = last.run;
    this.boot = last.boot + 1;
    this.ranBeforeMs = last.ran_ms;
    this.lastWallMs = last.wall_ms;
    this.#receiptsSeen = last.receipts_seen;
    this.#outbox = last.outbox;
    this.#owed = last.owed;
  }

  /** Counts a new start and writes it down before it is used, so that no two starts ever share a number. */
  static begin(stateDir: string, run: Omit<Run, 'stopped'> | null = null): Lifetime {
    const file = join(stateDir, LIFETIME_FILE);
    const lifetime = new Lifetime(file, readLast(file), run);
    lifetime.save(0);
    return lifetime;
  }

  get receiptsSeen(): boolean {
    return this.#receiptsSeen;
  }

  /** The outbox ids that the file has to know: the one opened last, and those of which the cloud still had to hear something then. */
  get outboxes(): readonly string[] {
    return this.#outbox === null ? [] : [...new Set([...this.#owed, this.#outbox])];
  }

  /** Durable before it returns. @param owed see {@link outboxes}. */
  openedOutbox(id: string, owed: readonly string[], ranMs: number): void {
    this.#outbox = id;
    this.#owed = owed;
    this.save(ranMs);
  }

  /** Durable before it returns: from now on only receipts let rows go. */
  sawReceipt(ranMs: number): void {
    if (this.#receiptsSeen) return;
    this.#receiptsSeen = true;
    this.save(ranMs);
  }

  /**
   * Somebody outside agrees with this time: a broker's certificate is valid at it. Only such a time becomes the floor below which
   * no later start believes its clock; a clock that ran ahead must not make the true time look like the past.
   */
  vouch(wallMs: number): void {
    this.#vouchedMs = wallMs;
  }

  /** The last word of a run that comes to an end by itself. */
  end(ranMs: number, stopped: Stopped): void {
    this.#stopped = stopped;
    this.save(ranMs);
  }

  /** @param ranMs monotonic time of this start. */
  save(ranMs: number): void {
    const text = JSON.stringify({
      boot: this.boot,
      ran_ms: this.ranBeforeMs + ranMs,
      wall_ms: Math.max(this.lastWallMs, this.#vouchedMs),
      receipts_seen: this.#receiptsSeen,
      outbox: this.#outbox,
      owed: [...this.#owed],
      run: this.#run && { ...this.#run, stopped: this.#stopped },
    } satisfies z.infer<typeof schema>);
    replaceFile(this.#file, `${text}\n`);
  }
}

/**
 * For a state directory that has none, such as a new robot's: as a backup had it, but counted on from the wall clock: the number
 * of later starts is unknown, and no two starts may share a number.
 * @param text what the file said when the backup was made.
 */
export function restoreLifetime(stateDir: string, text: string, nowMs: number): void {
  const file = join(stateDir, LIFETIME_FILE);
  if (existsSync(file)) return;
  const then = schema.safeParse(parseJson(text)).data ?? FIRST;
  replaceFile(file, `${JSON.stringify({ ...then, boot: Math.max(then.boot, nowMs), run: null })}\n`);
}

/** An unreadable file counts from the wall clock, so that a boot number still never comes twice. */
function readLast(file: string): z.infer<typeof schema> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return FIRST;
    throw error;
  }
  return schema.safeParse(parseJson(text)).data ?? { ...FIRST, boot: Date.now() };
}
