// Uploads spooled files one at a time, most urgent first, and retries for days. A file stays in the spool until the cloud has confirmed it
// and an event that reports this is committed. An incident's picture interrupts the upload of a log or backup.
import { type BackoffLimits, backoffMs, crashPoint, messageOf, wait } from '../base/index.ts';
import { CLOCKS_DIFFER_MS, type Clock } from '../clock/index.ts';
import type { Outbox, UploadRow, UploadRows } from '../outbox/index.ts';
import type { Problems, UploadsStatus } from '../status/index.ts';
import { AdaptivePacing } from './adaptive/pacing.ts';
import { loadHttp } from './http.ts';
import type { NewUpload, UploadKind } from './item.ts';
import { isInterruptible, isPictureOfIncident, MAX_FAILURES, mostUrgent } from './order.ts';
import { FixedPacing, type Pacing } from './pacing.ts';
import { Spool, type SpoolOptions } from './spool.ts';
import { DeviceTokens, PREPARE_EVERY_MS } from './token.ts';
import { type Outcome, transfer } from './transfer.ts';

export interface UploadsOptions extends Pick<SpoolOptions, 'folder' | 'maxBytes' | 'maxAgeMs' | 'ranMs'> {
  readonly thing: string;
  readonly credentials: { readonly cert: string; readonly key: string };
  /** The cloud API's origin. */
  readonly api: string;
  /** In kilobits per second; null means no limit. */
  readonly maxKbps: number | null;
  readonly pacing: 'fixed' | 'adaptive';
  /** Whether files wait, because the robot's connection is metered. */
  readonly isPaused: () => boolean;
  readonly backoff: BackoffLimits;
  readonly rows: UploadRows;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly problems: Problems;
}

const BYTES_PER_KBIT = 125;

/** How often to check whether uploads may go on. */
const PAUSE_CHECK_MS = 10_000;

interface Delay {
  readonly tries: number;
  /** Monotonic time, in milliseconds. */
  readonly untilMs: number;
  /** Whether the server requested this delay with Retry-After. */
  readonly isRequested: boolean;
}

const NO_DELAY: Delay = { tries: 0, untilMs: 0, isRequested: false };

interface Sending {
  readonly row: UploadRow;
  readonly aborting: AbortController;
  readonly outcome: Promise<Outcome>;
}

export class Uploads {
  readonly #options: UploadsOptions;
  readonly #spool: Spool;
  readonly #pacing: Pacing;
  readonly #tokens: DeviceTokens;
  /** Delays all uploads, because the path or the cloud is failing. */
  #delay = NO_DELAY;
  /** Delays all uploads except incidents' pictures, for which part of the daily share is reserved. */
  #shareDelay = NO_DELAY;
  /** Delays of individual files, by file name. */
  readonly #delays = new Map<string, Delay>();
  #waiting = new AbortController();
  /** The signal passed to `run`; undefined before that. */
  #signal: AbortSignal | undefined;
  #current: Sending | undefined;

  constructor(options: UploadsOptions) {
    const { thing, credentials, api: audience, clock, maxKbps, outbox } = options;
    this.#options = options;
    const link = {
      bytesPerSecond: maxKbps === null ? null : maxKbps * BYTES_PER_KBIT,
      // Pause for events too: if an upload and an event share the link, the next alert waits behind both.
      yields: () => outbox.isInFlight('alert') || outbox.isInFlight('event'),
    };
    this.#pacing = options.pacing === 'adaptive' ? new AdaptivePacing(link) : new FixedPacing(link);
    this.#tokens = new DeviceTokens({ thing, credentials, audience, clock });
    this.#spool = new Spool({ ...options, onDropped: (rows, reason) => this.#reportDropped(rows, reason) });
  }

  /** Loads the waiting files. @throws an error from the file system if the spool is unusable. */
  start(): void {
    this.#spool.open();
  }

  /** How many files are waiting. */
  get waiting(): number {
    return this.#spool.waiting.length;
  }

  status(): UploadsStatus {
    const { waiting } = this.#spool;
    const oldest = Math.min(...waiting.map(({ ranMs }) => ranMs));
    return {
      waiting: waiting.length,
      of_incidents: waiting.filter(({ incident }) => incident !== null).length,
      bytes: waiting.reduce((all, { size }) => all + size, 0),
      oldest_ms: waiting.length === 0 ? null : this.#options.ranMs() - oldest,
    };
  }

  /** How many files of a kind are waiting. */
  waitingOf(kind: UploadKind): number {
    return this.#spool.waiting.filter((row) => row.kind === kind).length;
  }

  /**
   * Spools a file and uploads it in its turn.
   * @param within runs in the transaction that records the upload.
   * @returns true once the file is durably spooled; false if the spool has no space for it.
   * @throws an error from the file system or SQLite, for example if the disk is full.
   */
  async add(upload: NewUpload, within?: () => void): Promise<boolean> {
    const row = await this.#put(upload, within);
    if (!row) return false;
    if (isPictureOfIncident(row)) {
      // The interrupted upload starts over later.
      if (this.#current && isInterruptible(this.#current.row)) this.#current.aborting.abort();
      // Skip the backoff that earlier failures caused, but not a delay that the server requested.
      if (!this.#delay.isRequested) this.#delay = { ...this.#delay, untilMs: 0 };
    }
    this.#waiting.abort();
    return true;
  }

  /** Uploads until the signal is aborted. Never throws: every failure is reported and retried, even one of the disk. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    // Importing axios and signing for the first time are slow. Do both now, so that they do not delay an alert's picture.
    await Promise.all([loadHttp(), this.#tokens.sign()]).catch((error: unknown) =>
      this.#options.problems.raise('uploads_failing', messageOf(error)),
    );
    while (!signal.aborted) {
      try {
        const now = this.#options.clock.mono();
        const row = this.#next(now);
        if (row) await this.#upload(row, signal);
        else await this.#idle(now, signal);
      } catch (error) {
        this.#options.problems.raise('uploads_failing', messageOf(error));
        this.#delay = this.#nextDelay(this.#delay, undefined);
      }
    }
  }

  /** Returns the upload to start now. No log or backup may start while an incident's picture is waiting, unless that keeps failing. */
  #next(now: number): UploadRow | undefined {
    if (this.#delay.untilMs > now || this.#options.isPaused()) return undefined;
    const { waiting } = this.#spool;
    if (this.#current) return waiting.find((row) => row === this.#current?.row);
    const failures = this.#failures;
    const isBlocked = waiting.some((row) => isPictureOfIncident(row) && failures(row) < MAX_FAILURES);
    const isReady = (row: UploadRow) => this.#dueMs(row) <= now && !(isBlocked && isInterruptible(row));
    return mostUrgent(waiting.filter(isReady), failures);
  }

  readonly #failures = ({ file }: UploadRow): number => this.#delays.get(file)?.tries ?? 0;

  /**
   * Spools a file. If it is the most urgent picture, starts sending it at the same time, because syncing an SD card takes as long as
   * sending.
   */
  async #put(upload: NewUpload, within?: () => void): Promise<UploadRow | undefined> {
    let ahead: Sending | undefined;
    let row: UploadRow | undefined;
    try {
      row = await this.#spool.put(upload, within, (started) => {
        const isNext = isPictureOfIncident(started) && mostUrgent([...this.#spool.waiting, started], this.#failures) === started;
        const isFree = !this.#current && this.#delay.untilMs <= this.#options.clock.mono() && !this.#options.isPaused();
        if (!this.#signal || this.#signal.aborted || !isNext || !isFree) return;
        ahead = this.#send(started, upload.bytes, this.#signal);
        this.#current = ahead;
      });
    } finally {
      if (ahead && !row) this.#cancel(ahead);
    }
    return row;
  }

  #cancel(sending: Sending): void {
    sending.aborting.abort();
    if (this.#current === sending) this.#current = undefined;
    this.#waiting.abort();
  }

  #send(row: UploadRow, source: string | Buffer, signal: AbortSignal): Sending {
    const { api } = this.#options;
    const aborting = new AbortController();
    const parts = { api, tokens: this.#tokens, pacing: this.#pacing };
    const outcome = transfer(row, source, parts, AbortSignal.any([signal, aborting.signal]))
      .catch((error: unknown): Outcome => ({ result: 'later', reason: messageOf(error), fault: 'file', afterMs: undefined }))
      .finally(() => this.reportClock());
    return { row, aborting, outcome };
  }

  /** Returns when a file may be sent, in monotonic milliseconds. */
  #dueMs(row: UploadRow): number {
    const share = isPictureOfIncident(row) ? 0 : this.#shareDelay.untilMs;
    return Math.max(this.#delay.untilMs, share, this.#delays.get(row.file)?.untilMs ?? 0);
  }

  /** Waits until the next upload is due. @param now the time for which `#next` found no upload. */
  async #idle(now: number, signal: AbortSignal): Promise<void> {
    this.#spool.trim();
    this.#tokens.prepare();
    this.#waiting = new AbortController();
    const due = this.#spool.waiting.map((row) => this.#dueMs(row));
    // Ignore uploads that are already due: another upload blocks them, so waiting for their time would not wait at all.
    const checkMs = this.#options.isPaused() ? PAUSE_CHECK_MS : PREPARE_EVERY_MS;
    const untilMs = Math.min(now + checkMs, ...due.filter((ms) => ms > now));
    await wait(Math.max(1, untilMs - now), AbortSignal.any([signal, this.#waiting.signal]));
  }

  async #upload(row: UploadRow, signal: AbortSignal): Promise<void> {
    const current = this.#current ?? this.#send(row, this.#spool.pathOf(row), signal);
    this.#current = current;
    const outcome = await current.outcome;
    if (this.#current === current) this.#current = undefined;
    // The file may have been dropped in the meantime.
    if (!this.#spool.waiting.includes(row)) return;
    if (outcome.result === 'stored') this.#stored(row, outcome);
    else if (outcome.result === 'refused') {
      this.#delays.delete(row.file);
      this.#options.problems.raise('upload_refused', `${row.file}: ${outcome.reason}`, row.kind);
      this.#spool.remove(row);
    } else if (!signal.aborted && !current.aborting.signal.aborted) this.#retryLater(row, outcome);
  }

  #stored(row: UploadRow, { uploadId: upload_id, objectKey: object_key }: Outcome & { result: 'stored' }): void {
    const { outbox, rows, problems, clock } = this.#options;
    const { sha256, size, incident } = row;
    const body = { kind: 'uploaded' as const, upload_id, object_key, sha256, size, ...(incident === null ? {} : { incident }) };
    this.#delay = NO_DELAY;
    if (!isPictureOfIncident(row)) this.#shareDelay = NO_DELAY;
    this.#delays.delete(row.file);
    problems.clear('uploads_dropped');
    if (this.#shareDelay.untilMs <= clock.mono()) problems.clear('uploads_failing');
    // Keep the file until the event is on disk. If that write fails, the upload is retried, and the cloud answers that it is already
    // complete.
    try {
      outbox.append({ class: 'event', body }, () => rows.markReported(row.file));
      outbox.flush();
    } catch {
      this.#delays.set(row.file, this.#nextDelay(NO_DELAY, undefined));
      return;
    }
    crashPoint('upload_told');
    this.#spool.remove(row);
  }

  #retryLater(row: UploadRow, { reason, fault, afterMs }: Outcome & { result: 'later' }): void {
    this.#options.problems.raise('uploads_failing', `${reason}; files waiting: ${this.waiting}`);
    if (fault === 'share' && !isPictureOfIncident(row)) {
      this.#shareDelay = this.#nextDelay(this.#shareDelay, afterMs);
      return;
    }
    if (fault !== 'file') this.#delay = this.#nextDelay(this.#delay, afterMs);
    if (fault === 'path' || fault === 'share') return;
    const own = this.#nextDelay(this.#delays.get(row.file) ?? NO_DELAY, afterMs);
    this.#delays.set(row.file, fault === 'file' ? own : { ...own, untilMs: 0 });
  }

  #nextDelay({ tries }: Delay, afterMs: number | undefined): Delay {
    const { backoff, clock } = this.#options;
    const untilMs = clock.mono() + Math.max(afterMs ?? 0, backoffMs(tries + 1, backoff, Math.random()));
    return { tries: tries + 1, untilMs, isRequested: afterMs !== undefined };
  }

  /** Raises or clears `clock_differs`, if the cloud's time is known. */
  reportClock(): void {
    const { problems } = this.#options;
    const { aheadMs } = this.#tokens;
    if (aheadMs === undefined) return;
    problems.clear('clock_stepped');
    const seconds = Math.round(Math.abs(aheadMs) / 1_000);
    if (Math.abs(aheadMs) < CLOCKS_DIFFER_MS) problems.clear('clock_differs');
    else problems.raise('clock_differs', `this robot’s clock is ${seconds} s ${aheadMs > 0 ? 'behind' : 'ahead of'} the cloud’s`);
  }

  #reportDropped(rows: readonly UploadRow[], reason: 'space' | 'age'): void {
    for (const { file } of rows) this.#delays.delete(file);
    if (this.#current && rows.includes(this.#current.row)) this.#cancel(this.#current);
    const limit = reason === 'space' ? 'uploads.max_size' : 'uploads.max_age';
    const kinds = [...new Set(rows.map(({ kind }) => kind))].join(', ');
    this.#options.problems.raise('uploads_dropped', `${rows.length} (${kinds}): ${limit}`);
  }
}
