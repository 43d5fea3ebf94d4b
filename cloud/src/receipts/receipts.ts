// Publishes receipts: each tells a robot which rows the database has. The order of the steps is essential:
//   1. A batch is committed. Only then do the marks of its messages count as handled.
//   2. The handled mark is copied.
//   3. The coverage is read in a separate statement, which sees only committed rows.
//   4. The receipt is published with the copied mark.
// A receipt never claims a row that is not committed, because the read sees no open transaction of any instance. Every row that this
// instance handled up to the mark is in the coverage. If the mark were copied after the read, a row committed in between could be
// reported as uncovered. A row that another instance is still committing may look uncovered. That is safe: the robot only repeats rows
// that it published over 60 s before the mark, and a second delivery is recognized.

import type { Logger } from 'pino';
import { messageOf } from '../../../src/base/index.ts';
import { compareMarks, type Mark, type Receipt, receiptPages, topicsOf } from '../../../src/wire/index.ts';
import type { Database } from '../database/index.ts';
import type { Message, OutboxName } from '../messages/index.ts';
import { outboxChanges } from './changes.ts';
import { type Coverage, readCoverage } from './coverage.ts';

/** Alerts of one outbox that arrive within this many milliseconds share a receipt. docs/reference/protocol.md allows 1 s. */
const URGENT_EVERY_MS = 500;
const RETRY_MS = 5_000;
/** Outboxes per query of the coverage. */
const READ_AT_ONCE = 500;

export interface ReceiptsOptions {
  readonly db: Database;
  readonly log: Logger;
  /** Shortest time between two receipts of one outbox if no alert is urgent. */
  readonly intervalMs: number;
  /** Resolves with the broker's PUBACK. */
  readonly publish: (topic: string, payload: string) => Promise<void>;
  readonly monotonicMs?: () => number;
}

export class Receipts {
  readonly #options: ReceiptsOptions;
  readonly #robots = new Map<string, { prefix: string; mark: Mark }>();
  readonly #due = new Map<string, OutboxName & { readonly dueMs: number }>();
  readonly #sentMs = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  readonly #sending = new Set<Promise<void>>();
  #isFailing = false;
  #isStopped = false;

  constructor(options: ReceiptsOptions) {
    this.#options = options;
  }

  /** Must be called after each commit, in commit order. */
  committed(messages: readonly Message[]): void {
    for (const message of messages) this.#handled(message);
    const announced = new Set<string>();
    const urgent = new Set<string>();
    for (const message of messages) {
      if (message.kind === 'presence' && message.presence.online) {
        for (const [outbox] of message.presence.outboxes ?? []) announced.add(`${message.presence.thing}/${outbox}`);
      } else if (message.kind === 'rows' && message.alert) {
        urgent.add(`${message.names.thing}/${message.names.outbox}`);
      }
    }
    const nowMs = this.#nowMs();
    for (const name of outboxChanges(messages)) {
      const key = `${name.thing}/${name.outbox}`;
      const sentMs = this.#sentMs.get(key) ?? Number.NEGATIVE_INFINITY;
      const afterMs = urgent.has(key) ? URGENT_EVERY_MS : this.#options.intervalMs;
      this.#schedule(name, announced.has(key) ? nowMs : Math.max(nowMs, sentMs + Math.min(afterMs, this.#options.intervalMs)));
    }
    this.#arm();
  }

  /** Outboxes whose receipt could be sent now. */
  get due(): number {
    const nowMs = this.#nowMs();
    return [...this.#due.values()].filter(({ dueMs }) => dueMs <= nowMs).length;
  }

  /** Waits for receipts that are being published. Later receipts are left to another instance or to the robot's next presence. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#sending);
  }

  #handled(message: Message): void {
    const names = message.kind === 'presence' ? message.presence : message.names;
    if (!names || !message.prefix) return;
    const robot = this.#robots.get(names.thing) ?? { prefix: message.prefix, mark: [0, 0] };
    robot.prefix = message.prefix;
    if (names.mark && compareMarks(names.mark, robot.mark) > 0) robot.mark = names.mark;
    this.#robots.set(names.thing, robot);
  }

  #schedule({ thing, outbox }: OutboxName, dueMs: number): void {
    const key = `${thing}/${outbox}`;
    const known = this.#due.get(key);
    if (!known || dueMs < known.dueMs) this.#due.set(key, { thing, outbox, dueMs });
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#isStopped || this.#due.size === 0) return;
    let firstMs = Number.POSITIVE_INFINITY;
    for (const { dueMs } of this.#due.values()) firstMs = Math.min(firstMs, dueMs);
    this.#timer = setTimeout(() => this.#sendDue(), Math.max(0, firstMs - this.#nowMs()));
  }

  #sendDue(): void {
    const nowMs = this.#nowMs();
    const due = [...this.#due.values()].filter(({ dueMs }) => dueMs <= nowMs).slice(0, READ_AT_ONCE);
    for (const { thing, outbox } of due) {
      this.#due.delete(`${thing}/${outbox}`);
      this.#sentMs.set(`${thing}/${outbox}`, nowMs);
    }
    if (due.length > 0) {
      const sending = this.#send(due).finally(() => this.#sending.delete(sending));
      this.#sending.add(sending);
    }
    // The time of the last receipt matters only until the next receipt is allowed.
    for (const [key, sentMs] of this.#sentMs) {
      if (nowMs - sentMs > this.#options.intervalMs) this.#sentMs.delete(key);
    }
    this.#arm();
  }

  /** Does not wait for earlier receipts, because a slow PUBACK must not delay the receipt of an alert. */
  async #send(due: readonly OutboxName[]): Promise<void> {
    const { db, log } = this.#options;
    const marks = new Map(due.map(({ thing }): [string, Mark] => [thing, this.#robots.get(thing)?.mark ?? [0, 0]]));
    try {
      const coverages = await readCoverage(db, due);
      await Promise.all(coverages.flatMap((coverage) => this.#pages(coverage, marks.get(coverage.thing) ?? [0, 0])));
      if (this.#isFailing) log.info({ event: 'receipts_recovered' }, 'receipts are published again');
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing)
        log.warn({ event: 'receipts_failed', reason: messageOf(error) }, 'receipts could not be published; the cloud will try again');
      this.#isFailing = true;
      const retryMs = this.#nowMs() + Math.min(RETRY_MS, this.#options.intervalMs);
      for (const name of due) this.#schedule(name, retryMs);
      this.#arm();
    }
  }

  #pages({ thing, outbox, accepted, covered }: Coverage, mark: Mark): Promise<void>[] {
    const prefix = this.#robots.get(thing)?.prefix;
    if (prefix === undefined) return [];
    const { receipts } = topicsOf(prefix);
    return receiptPages(covered).map((page) => {
      const nowMs = Date.now();
      const receipt: Receipt = { thing, outbox, at: nowMs, sent_at: nowMs, accepted, mark, ...page };
      return this.#options.publish(receipts, JSON.stringify(receipt));
    });
  }

  #nowMs(): number {
    return this.#options.monotonicMs?.() ?? performance.now();
  }
}
