// What has to be done now and then, whoever does it: looking for silent robots, asking the store about uploads, making and
// dropping months, forgetting what no longer counts. Several instances may do it at once: each step is guarded in the database, so a turn that another one had is no harm. A turn that fails is said once.

import type { Logger } from 'pino';
import { messageOf, wait } from '../../../src/base/index.ts';
import { checkSilence, type SilenceChange } from '../alerts/index.ts';
import type { Database } from '../database/index.ts';
import type { Retention } from '../settings/index.ts';
import type { Uploads } from '../uploads/index.ts';
import { keep } from './retention.ts';

const SILENCE_EVERY_MS = 10_000;
const UPLOADS_EVERY_MS = 5_000;
const RETENTION_EVERY_MS = 3_600_000;
const FORGET_EVERY_MS = 600_000;

interface Forgetful {
  /** Deletes what no longer counts. */
  forget(): Promise<void>;
}

export interface MaintenanceOptions {
  readonly db: Database;
  readonly log: Logger;
  readonly retention: Retention;
  /** How long a robot may be silent; 0: for ever. */
  readonly silentAfterMs: number;
  /** Whether messages reach this instance: else it can't know who is silent. */
  readonly listening: () => boolean;
  /** Null: there is no store. */
  readonly uploads: Uploads | null;
  /** Tables that fill with every request: counted tries, tokens that were used. */
  readonly forgetful: readonly Forgetful[];
  /** Told of each robot_silent that began or ended. */
  readonly onSilence?: (changes: readonly SilenceChange[]) => void;
  readonly silenceEveryMs?: number;
  /** Wall time, milliseconds since 1970. */
  readonly nowMs?: () => number;
}

export class Maintenance {
  readonly #options: MaintenanceOptions;
  readonly #stop = new AbortController();
  readonly #failing = new Set<string>();
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: MaintenanceOptions) {
    this.#options = options;
  }

  start(): void {
    const { silenceEveryMs = SILENCE_EVERY_MS, uploads, forgetful } = this.#options;
    this.#running = Promise.all([
      this.#every(silenceEveryMs, 'silence', () => this.#silence()),
      ...(uploads ? [this.#every(UPLOADS_EVERY_MS, 'uploads', async () => void (await uploads.check()))] : []),
      this.#every(RETENTION_EVERY_MS, 'retention', () => this.#retention()),
      this.#every(FORGET_EVERY_MS, 'forgetting', async () => {
        for (const one of forgetful) await one.forget();
      }),
    ]);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #every(ms: number, what: string, work: () => Promise<void>): Promise<void> {
    const { log } = this.#options;
    do {
      try {
        await work();
        if (this.#failing.delete(what)) log.info({ event: 'maintenance_recovered', task: what }, 'it works again');
      } catch (error) {
        if (!this.#failing.has(what))
          log.warn({ event: 'maintenance_failed', task: what, reason: messageOf(error) }, 'tried again at its next turn');
        this.#failing.add(what);
      }
      await wait(ms, this.#stop.signal);
    } while (!this.#stop.signal.aborted);
  }

  async #silence(): Promise<void> {
    const { db, log, silentAfterMs, listening, onSilence } = this.#options;
    if (!listening()) return;
    const changes = await checkSilence(db, silentAfterMs);
    for (const { thing, raised } of changes) {
      if (raised) log.warn({ event: 'robot_silent', thing }, 'a robot has not been heard for too long');
      else log.info({ event: 'robot_heard', thing }, 'a silent robot was heard again');
    }
    if (changes.length > 0) onSilence?.(changes);
  }

  async #retention(): Promise<void> {
    const { db, log, retention, nowMs = Date.now } = this.#options;
    const { made, dropped } = await keep(db, retention, nowMs());
    if (made.length + dropped.length > 0) log.info({ event: 'months_changed', made, dropped }, 'partitions of months');
  }
}
