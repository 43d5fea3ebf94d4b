// Queues messages between the broker and the database. It commits them in order of arrival, many in one transaction, and sends the PUBACKs
// after the commit. If the database fails, the broker has to wait. If the database refuses one message, that message is stored as
// poison: it must neither block the other messages nor be delivered again for ever.

import type { Logger } from 'pino';
import { type BackoffLimits, backoffMs, messageOf, wait } from '../../../src/base/index.ts';
import { recordAlerts, recordStorage } from '../alerts/index.ts';
import { type Announced, takeAnnouncements } from '../auth/index.ts';
import { type Database, refusesData } from '../database/index.ts';
import { asPoison, decode, type Incoming, type Message, type RowsMessage } from '../messages/index.ts';
import { cover, outboxChanges } from '../receipts/index.ts';
import { updateRobots } from '../robots/index.ts';
import { claimUploads } from '../uploads/index.ts';
import { correctTimes } from './clock.ts';
import { insertPoison, insertRows } from './insert.ts';

/** Limits of one transaction. It holds locks, and a failure repeats all of it. */
const BATCH_MESSAGES = 256;
const BATCH_BYTES = 4 * 1024 * 1024;

/** Limits of the queue. Beyond them {@link Ingest.capacity} waits, and the broker waits with it. */
const QUEUE_MESSAGES = 2_000;
const QUEUE_BYTES = 16 * 1024 * 1024;

const RETRY: BackoffLimits = { minMs: 100, maxMs: 5_000 };

export interface IngestOptions {
  readonly db: Database;
  readonly patterns: readonly string[];
  readonly log: Logger;
  /** Wall time, milliseconds since 1970. */
  readonly nowMs?: () => number;
  /** Called after each commit, in order of arrival. */
  readonly onCommitted: (messages: readonly Message[]) => void;
}

interface Queued {
  readonly incoming: Incoming;
  /** Decoding runs while an earlier batch is being committed. */
  readonly message: Promise<Message>;
  readonly takenMs: number;
}

export class Ingest {
  readonly #options: IngestOptions;
  readonly #queue: Queued[] = [];
  readonly #abort = new AbortController();
  #committing: readonly Queued[] = [];
  #queuedBytes = 0;
  #draining = false;
  #wake: () => void = () => {};
  #waitingForCapacity: (() => void)[] = [];
  #running: Promise<void> = Promise.resolve();

  constructor(options: IngestOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  take(incoming: Incoming): void {
    if (incoming.payload.length === 0) {
      // The doctor of a robot publishes empty payloads to test its rights.
      incoming.done();
      return;
    }
    this.#queue.push({ incoming, message: decode(this.#options.patterns, incoming), takenMs: performance.now() });
    this.#queuedBytes += incoming.payload.length;
    this.#wake();
  }

  /** Messages that are not committed yet, and the age of the oldest one. */
  get load(): { readonly waiting: number; readonly oldestMs: number } {
    const oldest = this.#committing[0] ?? this.#queue[0];
    return { waiting: this.#committing.length + this.#queue.length, oldestMs: oldest ? performance.now() - oldest.takenMs : 0 };
  }

  /** Resolves when the queue has capacity for another message. */
  capacity(): Promise<void> {
    if (this.#hasCapacity()) return Promise.resolve();
    return new Promise((resolve) => this.#waitingForCapacity.push(resolve));
  }

  /** Commits the queued messages, for at most `timeoutMs`. The robots still have the messages that are not committed. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    this.#wake();
    const timer = setTimeout(() => this.#abort.abort(), timeoutMs);
    await this.#running;
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const batch = this.#next();
      if (batch.length === 0) {
        if (this.#draining) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      this.#committing = batch;
      const messages = await Promise.all(batch.map((queued) => queued.message));
      const incoming = batch.map((queued) => queued.incoming);
      if (!(await this.#commit(incoming, messages))) return;
      this.#committing = [];
      for (const { done } of incoming) done();
      this.#options.onCommitted(messages);
    }
  }

  #next(): Queued[] {
    const batch: Queued[] = [];
    let bytes = 0;
    for (let queued = this.#queue[0]; queued && batch.length < BATCH_MESSAGES && bytes < BATCH_BYTES; queued = this.#queue[0]) {
      this.#queue.shift();
      batch.push(queued);
      bytes += queued.incoming.payload.length;
    }
    this.#queuedBytes -= bytes;
    if (this.#hasCapacity()) for (const resolve of this.#waitingForCapacity.splice(0)) resolve();
    return batch;
  }

  #hasCapacity(): boolean {
    return this.#queue.length < QUEUE_MESSAGES && this.#queuedBytes < QUEUE_BYTES;
  }

  /** Retries until the commit succeeds, and replaces refused messages in `messages` by poison. @returns false if the drain timed out. */
  async #commit(incoming: readonly Incoming[], messages: Message[]): Promise<boolean> {
    const { db, log, nowMs = Date.now } = this.#options;
    for (let tries = 0; ; tries++) {
      try {
        for (const { thing, refused } of await commit(db, messages, nowMs())) {
          if (refused === null) log.info({ event: 'certificate_announced', thing }, 'a robot announced its next certificate');
          else log.warn({ event: 'certificate_refused', thing, reason: refused }, 'the certificate that a robot announced was refused');
        }
        if (tries > 0) log.info({ event: 'database_recovered', tries }, 'the database stores messages again');
        return true;
      } catch (error) {
        if (refuses(error) && messages.length > 1) return this.#commitOneByOne(incoming, messages);
        const [only, message] = [incoming[0], messages[0]];
        const reason = `the message could not be stored: ${messageOf(error)}`;
        const poison = refuses(error) && only && message ? asPoison(only, message, reason) : null;
        if (only && poison) {
          log.error({ event: 'message_refused', topic: only.topic, reason }, 'the message will be stored as poison');
          messages[0] = poison;
          continue;
        }
        if (tries === 0) {
          log.warn(
            { event: 'database_failed', reason: messageOf(error) },
            'the database could not store messages; the cloud will try again',
          );
        }
        await wait(backoffMs(tries + 1, RETRY, Math.random()), this.#abort.signal);
        if (this.#abort.signal.aborted) return false;
      }
    }
  }

  async #commitOneByOne(incoming: readonly Incoming[], messages: Message[]): Promise<boolean> {
    for (const [i, message] of messages.entries()) {
      const single = [message];
      if (!(await this.#commit(incoming.slice(i, i + 1), single))) return false;
      messages.splice(i, 1, ...single);
    }
    return true;
  }
}

/**
 * Writes a batch in one transaction. Rows and their coverage are committed together, so the coverage never claims a row that a crash
 * lost. The caller may repeat it after any failure, even if it is unknown whether the last commit succeeded.
 * @returns the outcome for each announced certificate.
 */
function commit(db: Database, messages: readonly Message[], nowMs: number): Promise<Announced[]> {
  const rows = messages.filter((message): message is RowsMessage => message.kind === 'rows');
  return db.transaction(async (sql) => {
    const corrected = await cover(sql, outboxChanges(messages));
    await insertRows(sql, rows);
    await recordAlerts(sql, messages, nowMs);
    await claimUploads(sql, rows, nowMs);
    await correctTimes(sql, rows, corrected);
    await recordStorage(sql, await updateRobots(sql, messages, nowMs), nowMs);
    await insertPoison(sql, messages);
    return takeAnnouncements(sql, rows, nowMs);
  });
}

/** A RangeError means that the content can't be serialized, for example JSON that is nested too deeply. */
function refuses(error: unknown): boolean {
  return refusesData(error) || error instanceof RangeError;
}
