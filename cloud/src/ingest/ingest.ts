// The queue between the broker and the database. Messages are committed in the order of arrival, all queued messages in one transaction,
// and the broker gets its PUBACKs after the commit. If the database fails, the broker waits. A message that the database refuses is kept
// as poison, so that it neither stops the others nor is delivered again for ever.

import type { Logger } from 'pino';
import { type BackoffLimits, backoffMs, messageOf, wait } from '../../../src/base/index.ts';
import { type Database, refusesData } from '../database/index.ts';
import type { Incoming, Message } from '../messages/index.ts';
import { asPoison, decode } from '../messages/index.ts';
import { commit } from './commit.ts';

/** Limits of one transaction: it holds locks, and a failure repeats all of it. */
const BATCH_MESSAGES = 256;
const BATCH_BYTES = 4 * 1024 * 1024;

/** Beyond this {@link Ingest.capacity} waits, and with it the broker. */
const QUEUE_MESSAGES = 2_000;
const QUEUE_BYTES = 16 * 1024 * 1024;

const RETRY: BackoffLimits = { minMs: 100, maxMs: 5_000 };

export interface IngestOptions {
  readonly db: Database;
  readonly patterns: readonly string[];
  readonly log: Logger;
  /** Wall time, milliseconds since 1970. */
  readonly nowMs?: () => number;
  /** Called after each commit, in order: all messages that arrived before these are committed too. */
  readonly onCommitted: (messages: readonly Message[]) => void;
}

interface Queued {
  readonly incoming: Incoming;
  /** Decoded while an earlier batch is in the database. */
  message: Promise<Message>;
}

export class Ingest {
  readonly #options: IngestOptions;
  readonly #queue: Queued[] = [];
  readonly #abort = new AbortController();
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
      // An empty payload: a robot's doctor tests whether it may publish here.
      incoming.done();
      return;
    }
    this.#queue.push({ incoming, message: decode(this.#options.patterns, incoming) });
    this.#queuedBytes += incoming.payload.length;
    this.#wake();
  }

  /** Resolves when there is capacity for another message. */
  capacity(): Promise<void> {
    if (this.#hasCapacity()) return Promise.resolve();
    return new Promise((resolve) => this.#waitingForCapacity.push(resolve));
  }

  /** Commits the queued messages. Gives up after `timeoutMs`: the robots still have the messages that are not committed. */
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
      const messages = await Promise.all(batch.map((queued) => queued.message));
      const incoming = batch.map((queued) => queued.incoming);
      if (!(await this.#commit(incoming, messages))) return;
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

  /** Replaces refused messages in `messages` by poison. @returns false if the drain has timed out. */
  async #commit(incoming: readonly Incoming[], messages: Message[]): Promise<boolean> {
    const { db, log, nowMs = Date.now } = this.#options;
    for (let tries = 0; ; tries++) {
      try {
        for (const { thing, refused } of await commit(db, messages, nowMs())) {
          if (refused === null) log.info({ event: 'certificate_announced', thing }, 'a robot has another certificate');
          else log.warn({ event: 'certificate_refused', thing, reason: refused }, 'a certificate that a robot announced is not taken');
        }
        if (tries > 0) log.info({ event: 'database_recovered', tries }, 'the database takes messages again');
        return true;
      } catch (error) {
        if (refuses(error) && messages.length > 1) return this.#commitOneByOne(incoming, messages);
        const [only, message] = [incoming[0], messages[0]];
        const keepsContent = message && (message.kind !== 'poison' || message.names !== null);
        if (refuses(error) && only && keepsContent) {
          const why = `it could not be stored: ${messageOf(error)}`;
          log.error({ event: 'message_refused', topic: only.topic, reason: why }, 'kept as poison');
          messages[0] = asPoison(only, message, why);
          continue;
        }
        if (tries === 0) {
          log.warn({ event: 'database_failed', reason: messageOf(error) }, 'the database took no messages; trying again until it does');
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

/** A RangeError means that the content can't be serialized, such as JSON nested too deeply. */
function refuses(error: unknown): boolean {
  return refusesData(error) || error instanceof RangeError;
}
