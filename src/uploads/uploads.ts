// Uploads, one at a time, the most urgent first: a file that was spooled is in the store and the cloud has said so, or it still
// waits; then an event says it. Trying goes on for days; an incident's picture takes the link from a log.
import { type BackoffLimits, backoffMs, type Clock, wait } from '../clock/index.ts';
import { crashPoint } from '../crashPoint.ts';
import { messageOf } from '../errors.ts';
import type { Outbox, UploadRow, UploadRows } from '../outbox/index.ts';
import type { Problems } from '../status/index.ts';
import type { NewUpload } from './item.ts';
import { first, urgency } from './order.ts';
import { Spool, type SpoolOptions } from './spool.ts';
import { DeviceTokens } from './token.ts';
import { type Outcome, transfer } from './transfer.ts';

export interface UploadsOptions extends Pick<SpoolOptions, 'folder' | 'maxBytes' | 'maxAgeMs' | 'ranMs'> {
  readonly thing: string;
  readonly credentials: { readonly cert: string; readonly key: string };
  /** The cloud API's origin. */
  readonly api: string;
  /** Kilobits a second; null: no limit. */
  readonly maxKbps: number | null;
  readonly backoff: BackoffLimits;
  readonly rows: UploadRows;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly problems: Problems;
}

/** How far the clocks may differ without a word: what the cloud allows a token. */
const CLOCK_DIFFERS_MS = 120_000;

const BYTES_PER_KBIT = 125;

/** Age and size are looked after this often while nothing is uploaded. */
const TRIM_EVERY_MS = 3_600_000;

interface Delay {
  readonly tries: number;
  /** Monotonic milliseconds. */
  readonly untilMs: number;
}

const NO_DELAY: Delay = { tries: 0, untilMs: 0 };

export class Uploads {
  readonly #options: UploadsOptions;
  readonly #spool: Spool;
  readonly #tokens: DeviceTokens;
  /** While the way is blocked for all. */
  #delay = NO_DELAY;
  readonly #delays = new Map<string, Delay>();
  #waiting = new AbortController();
  #current: { readonly row: UploadRow; readonly aborting: AbortController } | undefined;

  constructor(options: UploadsOptions) {
    const { thing, credentials, api: audience, clock } = options;
    this.#options = options;
    this.#tokens = new DeviceTokens({ thing, ...credentials, audience, wallMs: () => clock.wall() });
    this.#spool = new Spool({ ...options, onDropped: (rows, why) => this.#tellDropped(rows, why) });
  }

  /** Takes up what waits on disk. @throws where the spool can't be used. */
  start(): void {
    this.#spool.open();
  }

  /** Files that wait. */
  get waiting(): number {
    return this.#spool.waiting.length;
  }

  /** Durable when it resolves to true; false where there was no room for it. @throws a full disk's error. */
  async add(upload: NewUpload): Promise<boolean> {
    const row = await this.#spool.put(upload);
    if (!row) return false;
    // A log or a backup is begun anew afterwards.
    if (this.#current && urgency(row) <= 1 && urgency(this.#current.row) > urgency(row)) this.#current.aborting.abort();
    // Whatever blocks the way: for an incident it is tried once more.
    if (urgency(row) === 0) this.#delay = { ...this.#delay, untilMs: 0 };
    this.#waiting.abort();
    return true;
  }

  /** Uploads until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const now = this.#options.clock.mono();
      const ready =
        this.#delay.untilMs > now ? [] : this.#spool.waiting.filter(({ file }) => (this.#delays.get(file)?.untilMs ?? 0) <= now);
      const row = first(ready);
      if (row) await this.#upload(row, signal);
      else await this.#idle(now, signal);
    }
  }

  async #idle(now: number, signal: AbortSignal): Promise<void> {
    this.#spool.trim();
    this.#waiting = new AbortController();
    const due = this.#spool.waiting.map(({ file }) => Math.max(this.#delay.untilMs, this.#delays.get(file)?.untilMs ?? 0));
    const untilMs = Math.min(now + TRIM_EVERY_MS, ...due);
    await wait(Math.max(1, untilMs - now), AbortSignal.any([signal, this.#waiting.signal]));
  }

  async #upload(row: UploadRow, signal: AbortSignal): Promise<void> {
    const aborting = new AbortController();
    this.#current = { row, aborting };
    const { api, maxKbps } = this.#options;
    const parts = { api, tokens: this.#tokens, bytesPerSecond: maxKbps === null ? null : maxKbps * BYTES_PER_KBIT };
    const outcome = await transfer(row, this.#spool.pathOf(row), parts, AbortSignal.any([signal, aborting.signal])).catch(
      (error: unknown): Outcome => ({ is: 'later', why: messageOf(error), all: false, afterMs: undefined }),
    );
    this.#current = undefined;
    this.#tellClock();
    // What was spooled and dropped meanwhile has no row to end.
    if (!this.#spool.waiting.includes(row)) return;
    if (outcome.is === 'stored') this.#stored(row, outcome);
    else if (outcome.is === 'refused') this.#refused(row, outcome.why);
    else if (!signal.aborted && !aborting.signal.aborted) this.#later(row, outcome);
  }

  #stored(row: UploadRow, { uploadId: upload_id, objectKey: object_key }: Outcome & { is: 'stored' }): void {
    const { outbox, rows, problems } = this.#options;
    const { sha256, size, incident } = row;
    const body = { kind: 'uploaded' as const, upload_id, object_key, sha256, size, ...(incident === null ? {} : { incident }) };
    this.#delay = NO_DELAY;
    this.#delays.delete(row.file);
    problems.clear('uploads_failing');
    // The file stays until the event is on disk; where that fails the cloud is asked again, and says that it is done.
    try {
      outbox.append({ class: 'event', body }, () => rows.markTold(row.file));
      outbox.flush();
    } catch {
      this.#delays.set(row.file, this.#next(NO_DELAY, undefined));
      return;
    }
    crashPoint('upload_told');
    this.#spool.remove(row);
  }

  #refused(row: UploadRow, why: string): void {
    this.#options.problems.raise('upload_refused', `${row.file}: ${why}`, row.kind);
    this.#spool.remove(row);
  }

  #later(row: UploadRow, { why, all, afterMs }: Outcome & { is: 'later' }): void {
    this.#options.problems.raise('uploads_failing', `${why}; ${this.waiting} wait`);
    if (all) this.#delay = this.#next(this.#delay, afterMs);
    else this.#delays.set(row.file, this.#next(this.#delays.get(row.file) ?? NO_DELAY, afterMs));
  }

  #next({ tries }: Delay, afterMs: number | undefined): Delay {
    const { backoff, clock } = this.#options;
    return { tries: tries + 1, untilMs: clock.mono() + Math.max(afterMs ?? 0, backoffMs(tries + 1, backoff, Math.random())) };
  }

  #tellClock(): void {
    const { problems } = this.#options;
    const { aheadMs } = this.#tokens;
    if (Math.abs(aheadMs) < CLOCK_DIFFERS_MS) {
      problems.clear('clock_differs');
      return;
    }
    const seconds = Math.round(Math.abs(aheadMs) / 1_000);
    problems.raise('clock_differs', `this robot’s clock is ${seconds} s ${aheadMs > 0 ? 'behind' : 'ahead of'} the cloud’s`);
  }

  #tellDropped(rows: readonly UploadRow[], why: 'space' | 'age'): void {
    for (const { file } of rows) this.#delays.delete(file);
    const limit = why === 'space' ? 'uploads.max_size' : 'uploads.max_age';
    this.#options.problems.raise('uploads_dropped', `${rows.length} (${[...new Set(rows.map(({ kind }) => kind))].join(', ')}): ${limit}`);
  }
}
