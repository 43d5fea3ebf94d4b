// Uploads the log: on schedule, after an alert, on command, and if the previous agent crashed.
import { join } from 'node:path';
import { messageOf } from '../../base/index.ts';
import type { Config } from '../../config/index.ts';
import { logSlices } from '../../logs/index.ts';
import type { NewRow, Notes } from '../../outbox/index.ts';
import { type Sent, SLICE_BYTES, Slices, type Uploads } from '../../uploads/index.ts';
import type { Parts } from '../lifecycle/parts.ts';

export interface LogShippingParts extends Pick<Parts, 'storage' | 'logFile' | 'clock' | 'log'> {
  /** @returns the configuration in use. */
  readonly config: () => Config;
  readonly uploads: Pick<Uploads, 'add'>;
  readonly notes: Notes;
}

/**
 * After an alert, wait one minute before uploading, so that the upload includes that minute's lines. After that upload, wait at least ten
 * minutes before the next one.
 */
const AFTER_ALERT_MS = 60_000;
const BETWEEN_ALERTS_MS = 600_000;

export class LogShipping {
  readonly #parts: LogShippingParts;
  readonly #slices: Slices;
  #shipping: Promise<unknown> = Promise.resolve();
  #afterAlert: NodeJS.Timeout | undefined;
  #alertMs = Number.NEGATIVE_INFINITY;

  constructor(parts: LogShippingParts) {
    const { uploads, notes, clock } = parts;
    this.#parts = parts;
    this.#slices = new Slices({ kind: 'log', notes, add: (upload, within) => uploads.add(upload, within), nowMs: () => clock.wall() });
  }

  /** Continues an interrupted upload. @param crashed whether the previous agent crashed. If so, its last lines are uploaded at once. */
  start(crashed: boolean): void {
    if (crashed || this.#slices.isOpen) this.#begin(crashed ? 'crash' : 'continued');
  }

  /** Must be called for each row that has been written. */
  onRow(row: NewRow): void {
    if (!('channel' in row) || row.extra?.alert !== 'raised' || !this.#parts.config().logs.ship_on_alert || this.#afterAlert) return;
    const sinceMs = this.#parts.clock.mono() - this.#alertMs;
    const inMs = Math.max(AFTER_ALERT_MS, BETWEEN_ALERTS_MS - sinceMs);
    this.#afterAlert = setTimeout(() => {
      this.#afterAlert = undefined;
      this.#alertMs = this.#parts.clock.mono();
      this.#begin('alert');
    }, inMs).unref();
  }

  /**
   * Spools all lines that have not been spooled yet, once earlier calls have finished. @throws the file system's error, such as a full
   * disk.
   */
  ship(reason: string): Promise<Sent> {
    const sent = this.#shipping.then(() => this.#ship(reason));
    this.#shipping = sent.catch(() => {});
    return sent;
  }

  /** Resolves once the spooling in progress has finished. The next run spools the rest. */
  stop(): Promise<unknown> {
    clearTimeout(this.#afterAlert);
    return this.#shipping;
  }

  async #ship(reason: string): Promise<Sent> {
    const { storage, logFile, log } = this.#parts;
    // Sync the lines before their position is stored. Otherwise a power cut could lose lines that are recorded as uploaded.
    logFile.sync();
    const { end } = logFile;
    const folder = join(storage.folder, 'logs');
    const sent = await this.#slices.send(reason, (from) => logSlices(folder, from, end, SLICE_BYTES));
    if (!sent.whole)
      log.warn({ event: 'logs_not_shipped', reason }, 'no space for the log in the upload spool; the next upload includes it');
    else if (sent.slices > 0) log.info({ event: 'logs_shipped', reason, ...sent }, 'the log waits for its upload');
    return sent;
  }

  #begin(reason: string): void {
    this.ship(reason).catch((error: unknown) =>
      this.#parts.log.error({ event: 'logs_not_shipped', reason }, `the log could not be spooled: ${messageOf(error)}`),
    );
  }
}
