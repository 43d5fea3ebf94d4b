// Runs periodic tasks: detects silent robots, checks uploads in the store, applies the retention, deletes expired rows. Several instances
// may run a task at once, because locks in the database guard each step. Repeated failures of a task are logged once.

import type { Logger } from 'pino';
import { messageOf, wait, withDeadline } from '../../../src/base/index.ts';
import { type Behind, checkSilence, type SilenceChange } from '../alerts/index.ts';
import type { Database } from '../database/index.ts';
import type { Retention } from '../settings/index.ts';
import type { Uploads } from '../uploads/index.ts';
import { applyRetention } from './retention.ts';

const SILENCE_EVERY_MS = 10_000;
const UPLOADS_EVERY_MS = 5_000;
const RETENTION_EVERY_MS = 3_600_000;
const FORGET_EVERY_MS = 600_000;
/** A blue/green deployment replaces the database under a running cloud. */
const RESTORED_EVERY_MS = 60_000;
const REPEAT_MS = 60_000;
/** A start waits for the first partitions at most this long. Until they exist, the default partitions take their rows. */
const MONTHS_FIRST_MS = 1_000;

export interface MaintenanceOptions {
  readonly db: Database;
  readonly log: Logger;
  readonly retention: Retention;
  /** The longest time that a robot may be silent; 0 means no limit. */
  readonly silentAfterMs: number;
  /** Whether this instance receives messages. If not, it can't know which robots are silent. */
  readonly listening: () => boolean;
  /** Robots whose messages wait for their commit, so that they only seem silent. */
  readonly behind?: () => Behind;
  /** Checks whether the database was restored from another cluster since the last check. */
  readonly checkRestored?: () => Promise<boolean>;
  /** Null if there is no object store. */
  readonly uploads: Uploads | null;
  /** Owners of tables that grow with every request, such as counted attempts. `forget` deletes expired rows. */
  readonly expiring: readonly { forget(): Promise<void> }[];
  /** Called for each alert robot_silent that began or ended. */
  readonly onSilence?: (changes: readonly SilenceChange[]) => void;
  readonly silenceEveryMs?: number;
}

export class Maintenance {
  readonly #options: MaintenanceOptions;
  readonly #stop = new AbortController();
  /** Since when each failing task fails, by performance.now(), and why. */
  readonly failing = new Map<string, { readonly sinceMs: number; readonly reason: string }>();
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: MaintenanceOptions) {
    this.#options = options;
  }

  /** Resolves when the partitions for new rows exist, or can't be made now. */
  async start(): Promise<void> {
    const { silenceEveryMs = SILENCE_EVERY_MS, uploads, expiring, checkRestored } = this.#options;
    let madeMonths = (): void => {};
    const months = new Promise<void>((resolve) => {
      madeMonths = resolve;
    });
    this.#running = Promise.all([
      this.#every(silenceEveryMs, 'silence', () => this.#silence()),
      ...(uploads ? [this.#every(UPLOADS_EVERY_MS, 'uploads', async () => void (await uploads.check()))] : []),
      this.#every(RETENTION_EVERY_MS, 'retention', () => this.#retention(madeMonths)),
      ...(checkRestored ? [this.#every(RESTORED_EVERY_MS, 'restore', () => this.#restore(checkRestored))] : []),
      this.#every(FORGET_EVERY_MS, 'forgetting', async () => {
        for (const owner of expiring) await owner.forget();
      }),
    ]);
    await withDeadline(months, MONTHS_FIRST_MS, () => {});
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #every(ms: number, task: string, work: () => Promise<void>): Promise<void> {
    const { log } = this.#options;
    do {
      try {
        await work();
        if (this.failing.delete(task)) log.info({ event: 'maintenance_recovered', task }, 'the task succeeds again');
      } catch (error) {
        const reason = messageOf(error);
        const known = this.failing.get(task);
        if (!known) log.warn({ event: 'maintenance_failed', task, reason }, 'the task failed; the next run repeats it');
        this.failing.set(task, { sinceMs: known?.sinceMs ?? performance.now(), reason });
      }
      await wait(this.failing.has(task) ? Math.min(ms, REPEAT_MS) : ms, this.#stop.signal);
    } while (!this.#stop.signal.aborted);
  }

  async #silence(): Promise<void> {
    const { db, log, silentAfterMs, listening, behind, onSilence } = this.#options;
    if (!listening()) return;
    await checkSilence(db, silentAfterMs, behind?.(), (changes) => {
      for (const { thing, raised } of changes) {
        if (raised) log.warn({ event: 'robot_silent', thing }, 'a robot has been silent for too long');
        else log.info({ event: 'robot_heard', thing }, 'a silent robot was heard again');
      }
      onSilence?.(changes);
    });
  }

  async #restore(check: () => Promise<boolean>): Promise<void> {
    if (!(await check())) return;
    const text = 'the database was restored into another cluster; each stream begins with the current state, after a gap';
    this.#options.log.warn({ event: 'database_restored' }, text);
  }

  async #retention(onMonths: () => void): Promise<void> {
    const { db, log, retention } = this.#options;
    const { created, dropped } = await applyRetention(db, retention, Date.now(), this.#stop.signal, onMonths);
    if (created.length + dropped.length > 0) log.info({ event: 'months_changed', made: created, dropped }, 'partitions were changed');
  }
}
