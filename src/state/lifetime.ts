// Stores facts that outlive the outbox file, in a small file beside it: the number of this start, the total running time, the latest known
// time, whether a cloud ever sent a receipt, and a record of this run. A damaged outbox must not reset them.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { codeOf, parseJson, replaceFile } from '../base/index.ts';

/** The record of a run, from which the next start derives why the run ended. */
const run = z.object({
  version: z.string(),
  /** The kernel's boot id; null if it cannot be read. */
  boot_id: z.string().nullable(),
  /** systemd's id of the start; null if systemd did not start the agent. */
  invocation: z.string().nullable(),
  /**
   * Null until the run stops, and still null after a crash or a kill. `failed` means that the start failed. `mending` means that the agent
   * stopped to start again at once and repair its outbox.
   */
  stopped: z.enum(['asked', 'failed', 'mending']).nullable(),
});
export type Run = Readonly<z.infer<typeof run>>;
export type Stopped = NonNullable<Run['stopped']>;

const schema = z.object({
  /** The number of starts of the agent. It is the first part of every mark. */
  boot: z.int().min(0),
  /** Milliseconds of running time in earlier starts, by the monotonic clock. */
  ran_ms: z.int().min(0),
  /** The latest wall time that an outside source confirmed. */
  wall_ms: z.int().min(0),
  receipts_seen: z.boolean(),
  /** The id of the outbox that was opened last. A file without it is lost or replaced. */
  outbox: z.string().nullable().default(null),
  /** Ids of outboxes that the cloud does not fully know. If the file loses them, they must be declared as closed. */
  owed: z.array(z.string()).default([]),
  run: run.nullable().default(null),
});

/** The file's name in the state directory. */
export const LIFETIME_FILE = 'lifetime.json';

const FIRST: z.infer<typeof schema> = { boot: 0, ran_ms: 0, wall_ms: 0, receipts_seen: false, outbox: null, owed: [], run: null };

/** Reads the latest wall time that an outside source confirmed, without counting a start. @returns 0 if there is no such time. */
export function lastKnownWallMs(stateDir: string): number {
  return readLast(join(stateDir, LIFETIME_FILE)).wall_ms;
}

export class Lifetime {
  readonly boot: number;
  /** Running time before this start, in milliseconds. */
  readonly ranBeforeMs: number;
  readonly lastWallMs: number;
  /** The record of the previous run; null at the first start. */
  readonly lastRun: Run | null;
  readonly #file: string;
  readonly #run: Omit<Run, 'stopped'> | null;
  #stopped: Stopped | null = null;
  #confirmedMs = 0;
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

  /** Counts a new start. The new number is durable before its first use, so that no two starts share a number. */
  static begin(stateDir: string, run: Omit<Run, 'stopped'> | null = null): Lifetime {
    const file = join(stateDir, LIFETIME_FILE);
    const lifetime = new Lifetime(file, readLast(file), run);
    lifetime.save(0);
    return lifetime;
  }

  get receiptsSeen(): boolean {
    return this.#receiptsSeen;
  }

  /** The outbox ids that the file has to contain: the id that was opened last, and the ids that the cloud did not fully know then. */
  get outboxes(): readonly string[] {
    return this.#outbox === null ? [] : [...new Set([...this.#owed, this.#outbox])];
  }

  /** Stores the new outbox id durably. @param owed ids of outboxes that the cloud does not fully know. */
  openedOutbox(id: string, owed: readonly string[], ranMs: number): void {
    this.#outbox = id;
    this.#owed = owed;
    this.save(ranMs);
  }

  /** Stores durably that a receipt arrived. From now on only receipts release acknowledged rows. */
  sawReceipt(ranMs: number): void {
    if (this.#receiptsSeen) return;
    this.#receiptsSeen = true;
    this.save(ranMs);
  }

  /**
   * Records a time that an outside source confirms: the broker's certificate is valid at that time. Later starts trust no clock that shows
   * an earlier time. A time without a confirmation is not recorded, because a fast clock would make the true time look wrong.
   */
  confirmTime(wallMs: number): void {
    this.#confirmedMs = wallMs;
  }

  /** Completes the record of this run. */
  end(ranMs: number, stopped: Stopped): void {
    this.#stopped = stopped;
    this.save(ranMs);
  }

  /** @param ranMs running time of this start. */
  save(ranMs: number): void {
    const text = JSON.stringify({
      boot: this.boot,
      ran_ms: this.ranBeforeMs + ranMs,
      wall_ms: Math.max(this.lastWallMs, this.#confirmedMs),
      receipts_seen: this.#receiptsSeen,
      outbox: this.#outbox,
      owed: [...this.#owed],
      run: this.#run && { ...this.#run, stopped: this.#stopped },
    } satisfies z.infer<typeof schema>);
    replaceFile(this.#file, `${text}\n`);
  }
}

/**
 * Restores the lifetime of a backup if the state directory has no lifetime, as on a new robot. The number of starts after the backup is
 * unknown, and no two starts may share a number. The count therefore continues from the wall clock.
 * @param text content of the file when the backup was made.
 */
export function restoreLifetime(stateDir: string, text: string, nowMs: number): void {
  const file = join(stateDir, LIFETIME_FILE);
  if (existsSync(file)) return;
  const then = schema.safeParse(parseJson(text)).data ?? FIRST;
  replaceFile(file, `${JSON.stringify({ ...then, boot: Math.max(then.boot, nowMs), run: null })}\n`);
}

/** After an unreadable file the starts are counted from the wall clock, so that no two starts share a number. */
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
