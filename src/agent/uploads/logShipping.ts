// The log on its way to the cloud: by schedule, after an alert, on command, and after an agent that ended without a word.
import { join } from 'node:path';
import { messageOf } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Config } from '../../config/index.ts';
import { type LogFile, type Logger, logSlices } from '../../logs/index.ts';
import type { NewRow, Notes } from '../../outbox/index.ts';
import { type Sent, SLICE_BYTES, Slices } from '../../uploads/index.ts';
import type { RunningUploads } from './uploads.ts';

export interface LogShippingParts {
  /** As it is now. */
  readonly config: () => Config;
  readonly logFile: LogFile;
  readonly uploads: RunningUploads;
  readonly notes: Notes;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The lines right after an alert belong to it. Many alerts in a row cause one shipping. */
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

  /** Goes on with what was begun. @param crashed the agent before this one ended without a word: its last lines go now. */
  start(crashed: boolean): void {
    if (crashed || this.#slices.isOpen) this.#begin(crashed ? 'crash' : 'continued');
  }

  /** A row was written. */
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

  /** Every line up to now that was not sent yet, one shipping after the other. @throws a full disk's error. */
  ship(why: string): Promise<Sent> {
    const sent = this.#shipping.then(() => this.#ship(why));
    this.#shipping = sent.catch(() => {});
    return sent;
  }

  /** Resolves when nothing is being cut any more; what was not sent goes with the next start. */
  stop(): Promise<unknown> {
    clearTimeout(this.#afterAlert);
    return this.#shipping;
  }

  async #ship(why: string): Promise<Sent> {
    const { config, logFile, log } = this.#parts;
    // A place that is remembered must not be lost in a power cut that the lines before it did not survive.
    logFile.sync();
    const { end } = logFile;
    const folder = join(config().state_dir, 'logs');
    const sent = await this.#slices.send(why, (from) => logSlices(folder, from, end, SLICE_BYTES));
    if (!sent.whole)
      log.warn({ event: 'logs_not_shipped', reason: why }, 'no space for the log in the upload spool; the next shipping sends it');
    else if (sent.slices > 0) log.info({ event: 'logs_shipped', reason: why, ...sent }, 'the log was handed over for its upload');
    return sent;
  }

  #begin(why: string): void {
    this.ship(why).catch((error: unknown) =>
      this.#parts.log.error({ event: 'logs_not_shipped', reason: why }, `the log could not be handed over: ${messageOf(error)}`),
    );
  }
}
