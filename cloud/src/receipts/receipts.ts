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
import { type Database, tookTooLong } from '../database/index.ts';
import type { Message, OutboxName } from '../messages/index.ts';
import { outboxChanges } from './changes.ts';
import { type Coverage, readCoverage } from './coverage.ts';
import { type Pace, RANKS, type Rank } from './pace.ts';

/** Alerts of one outbox that arrive within this many milliseconds share a receipt. docs/reference/protocol.md allows 1 s. */
const URGENT_EVERY_MS = 500;
const RETRY_MS = 5_000;
/** Outboxes per query of the coverage. Few are read ahead of the pace, so that a receipt that waited has what was committed meanwhile. */
const READ_AT_ONCE = 20;
/** An outbox with more pages has many gaps, which only a faulty robot has. Its receipts wait in the last rank, so that they delay no other robot. */
const FEW_PAGES = 5;

interface Due extends OutboxName {
  readonly dueMs: number;
  readonly rank: Rank;
}

export interface ReceiptsOptions {
  readonly db: Database;
  readonly log: Logger;
  /** Shortest time between two receipts of one outbox if no alert is urgent. */
  readonly intervalMs: number;
  readonly pace: Pace;
  /** Resolves with the broker's PUBACK. */
  readonly publish: (topic: string, payload: string) => Promise<void>;
  readonly monotonicMs?: () => number;
}

export class Receipts {
  readonly #options: ReceiptsOptions;
  readonly #robots = new Map<string, { prefix: string; mark: Mark }>();
  readonly #due = new Map<string, Due>();
  readonly #sentMs = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  readonly #sending = new Set<Promise<void>>();
  /** Ranks of which a batch waits for the pace. */
  readonly #pacing = new Set<Rank>();
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
      const rank = urgent.has(key) ? RANKS.alert : announced.has(key) ? RANKS.presence : RANKS.interval;
      const afterMs = rank === RANKS.alert ? URGENT_EVERY_MS : this.#options.intervalMs;
      const dueMs = announced.has(key) ? nowMs : Math.max(nowMs, sentMs + Math.min(afterMs, this.#options.intervalMs));
      this.#schedule(name, dueMs, rank);
    }
    this.#arm();
  }

  /** Receipts that are due or wait for the pace. */
  get due(): number {
    const nowMs = this.#nowMs();
    const { alert, presence, interval } = this.#options.pace.waiting;
    return [...this.#due.values()].filter(({ dueMs }) => dueMs <= nowMs).length + alert + presence + interval;
  }

  /**
   * Waits for receipts that are being published, so the pace is closed before. Later receipts are left to another instance or to the robot's
   * next presence.
   */
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

  #schedule({ thing, outbox }: OutboxName, dueMs: number, rank: Rank): void {
    const key = `${thing}/${outbox}`;
    const known = this.#due.get(key) ?? { dueMs, rank };
    this.#due.set(key, { thing, outbox, dueMs: Math.min(dueMs, known.dueMs), rank: Math.min(rank, known.rank) as Rank });
  }

  #arm(): void {
    clearTimeout(this.#timer);
    let firstMs = Number.POSITIVE_INFINITY;
    for (const { dueMs, rank } of this.#due.values()) if (!this.#pacing.has(rank)) firstMs = Math.min(firstMs, dueMs);
    if (this.#isStopped || firstMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#sendDue(), Math.max(0, firstMs - this.#nowMs()));
  }

  /** Reads the next batch of a rank once its last batch has had its turns, without waiting for the PUBACKs. */
  #sendDue(): void {
    const nowMs = this.#nowMs();
    for (const rank of Object.values(RANKS)) {
      if (this.#pacing.has(rank)) continue;
      const due = [...this.#due.values()].filter((each) => each.rank === rank && each.dueMs <= nowMs);
      const batch = due.sort((one, other) => one.dueMs - other.dueMs).slice(0, READ_AT_ONCE);
      if (batch.length === 0) continue;
      for (const { thing, outbox } of batch) {
        this.#due.delete(`${thing}/${outbox}`);
        this.#sentMs.set(`${thing}/${outbox}`, nowMs);
      }
      const sending = this.#send(batch, rank).finally(() => this.#sending.delete(sending));
      this.#sending.add(sending);
    }
    // The time of the last receipt matters only until the next receipt is allowed.
    for (const [key, sentMs] of this.#sentMs) {
      if (nowMs - sentMs > this.#options.intervalMs) this.#sentMs.delete(key);
    }
    this.#arm();
  }

  /** Repeats the receipts of those outboxes that failed. */
  async #send(batch: readonly OutboxName[], rank: Rank): Promise<void> {
    const { log, intervalMs } = this.#options;
    const failed = new Map<OutboxName, string>();
    this.#pacing.add(rank);
    await this.#publish(batch, rank, failed).catch((error: unknown) => {
      for (const name of batch) failed.set(name, messageOf(error));
    });
    if (this.#isStopped) return;
    if (failed.size === 0) {
      if (this.#isFailing) log.info({ event: 'receipts_recovered' }, 'receipts are published again');
      this.#isFailing = false;
      return;
    }
    const [reason] = failed.values();
    if (!this.#isFailing) log.warn({ event: 'receipts_failed', reason }, 'receipts could not be published; the cloud will try again');
    this.#isFailing = true;
    const retryMs = this.#nowMs() + Math.min(RETRY_MS, intervalMs);
    for (const name of failed.keys()) this.#schedule(name, retryMs, rank);
    this.#arm();
  }

  /** @param failed gets each outbox that can't be read or has a page without a PUBACK, and the reason. */
  async #publish(batch: readonly OutboxName[], rank: Rank, failed: Map<OutboxName, string>): Promise<void> {
    const { pace } = this.#options;
    const marks = new Map(batch.map(({ thing }): [string, Mark] => [thing, this.#robots.get(thing)?.mark ?? [0, 0]]));
    const published: Promise<void>[] = [];
    try {
      const turns: Promise<void>[] = [];
      for (const coverage of await this.#coverages(batch, failed)) {
        const pages = receiptPages(coverage.covered);
        const own = pages.length > FEW_PAGES ? RANKS.interval : rank;
        for (const page of pages) {
          const turn = pace.turn(own);
          const send = (): Promise<void> => this.#page(coverage, { mark: marks.get(coverage.thing) ?? [0, 0], ...page });
          published.push(turn.then(send).catch((error: unknown) => void failed.set(coverage, messageOf(error))));
          if (own === rank) turns.push(turn);
        }
      }
      await Promise.allSettled(turns);
    } finally {
      this.#pacing.delete(rank);
      this.#arm();
    }
    await Promise.all(published);
  }

  /** One outbox with very many gaps may take too long to read. Then each is read alone. @param failed gets those that can't be read. */
  async #coverages(batch: readonly OutboxName[], failed: Map<OutboxName, string>): Promise<readonly Coverage[]> {
    const { db } = this.#options;
    try {
      return await readCoverage(db, batch);
    } catch (error) {
      if (!tookTooLong(error) || batch.length === 1) throw error;
    }
    const found: Coverage[] = [];
    for (const name of batch) {
      await readCoverage(db, [name]).then(
        (coverages) => found.push(...coverages),
        (error: unknown) => failed.set(name, messageOf(error)),
      );
    }
    return found;
  }

  async #page(
    { thing, outbox, accepted }: Coverage,
    page: Omit<Receipt, 'thing' | 'outbox' | 'at' | 'sent_at' | 'accepted'>,
  ): Promise<void> {
    const prefix = this.#robots.get(thing)?.prefix;
    if (prefix === undefined) return;
    const nowMs = Date.now();
    const receipt: Receipt = { thing, outbox, at: nowMs, sent_at: nowMs, accepted, ...page };
    await this.#options.publish(topicsOf(prefix).receipts, JSON.stringify(receipt));
  }

  #nowMs(): number {
    return this.#options.monotonicMs?.() ?? performance.now();
  }
}
