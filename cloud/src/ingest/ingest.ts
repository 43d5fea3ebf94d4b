// Stores the messages between the broker and the database. Lanes commit many robots in one transaction, and the PUBACKs follow the commit. If
// the database fails, the broker has to wait. If one message or one robot's rows fail, only that robot waits (queue.ts). A message that the
// database refuses is stored as poison: it must neither block its robot nor be delivered again for ever.

import type { Logger } from 'pino';
import { type BackoffLimits, backoffMs, codeOf, messageOf, wait } from '../../../src/base/index.ts';
import type { Database, Limits } from '../database/index.ts';
import { asPoison, decode, type Incoming, labelOf, type Message, onlyAlerts, type Weight } from '../messages/index.ts';
import { Admission, type Way } from './admission.ts';
import { commit, isOfThisBatch, refuses, type Stored } from './commit.ts';
import { type Batch, type Lane, Queue, type Queued } from './queue.ts';
import { RATE, type RateLimits, Rates } from './rate.ts';

/** Limits of one transaction after decoding. The message that reaches them is the last. They bound the memory of a lane. */
const MOST: Weight = { rows: 5_000, bytes: 4 * 1024 * 1024 };

/** Transactions at a time. PGlite has one connection. The pool of the ingest has two more, for receipts. */
const FAST_LANES = { postgres: 4, pglite: 1 };
const SIDE_LANES = 2;

/** A robot that needs longer is tried alone, then on the side lane. `idle_in_transaction` and the client's timer are in database/. */
const LIMITS: Record<Batch['kind'], Limits> = {
  shared: { lockMs: 500, statementMs: 2_000 },
  suspected: { lockMs: 250, statementMs: 2_000 },
  stuck: { lockMs: 2_000, statementMs: 8_000 },
};

const RETRY: BackoffLimits = { minMs: 100, maxMs: 5_000 };
const SWEEP_MS = 10_000;
/** If a message waits longer and nothing is committed, the ingest is behind. */
const BEHIND_MS = 15_000;

export interface IngestOptions {
  readonly db: Database;
  readonly patterns: readonly string[];
  readonly log: Logger;
  /** Wall time, milliseconds since 1970. */
  readonly nowMs?: () => number;
  readonly rate?: RateLimits;
  /** Called after each commit. Transactions of different robots may overlap; those of one robot follow each other. */
  readonly onCommitted: (messages: readonly Message[]) => void;
}

export class Ingest {
  readonly #options: IngestOptions;
  readonly #queue = new Queue();
  readonly #admission = new Admission();
  /** Messages without PUBACK, oldest first. */
  readonly #held = new Set<Queued>();
  readonly #rates: Rates;
  readonly #abort = new AbortController();
  #bell = new AbortController();
  #failures = 0;
  /** The time of the last commit. */
  #storedMs = Number.NEGATIVE_INFINITY;
  #refused = 0;
  #sweptMs = 0;
  #draining = false;
  #waitingForCapacity: { readonly way: Way; readonly resolve: () => void }[] = [];
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#rates = new Rates(options.rate ?? RATE);
  }

  start(): void {
    const fast = Array.from({ length: FAST_LANES[this.#options.db.kind] }, () => this.#run('fast'));
    const side = Array.from({ length: SIDE_LANES }, () => this.#run('side'));
    this.#running = Promise.all([...fast, ...side]);
  }

  take(incoming: Incoming): void {
    if (incoming.payload.length === 0) {
      // The doctor of a robot publishes empty payloads to test its rights.
      incoming.done();
      return;
    }
    const label = labelOf(this.#options.patterns, incoming);
    const atMs = performance.now();
    this.#sweep(atMs);
    // While the database fails, every robot's messages wait, so their number says nothing about a robot.
    if (this.#failures === 0 && !this.#admission.admits(label, this.#rates.isSpent(label.prefix, atMs))) {
      this.#refused++;
      incoming.done();
      return;
    }
    this.#admission.taken(label, incoming.payload.length);
    const queued: Queued = { incoming, label, atMs, refusals: [], isReduced: null };
    this.#held.add(queued);
    this.#queue.add(queued);
    this.#ring();
  }

  /** Resolves when there is capacity for another message that comes this way. */
  capacity(way: Way = 'live'): Promise<void> {
    if (this.#admission.hasCapacity(way)) return Promise.resolve();
    return new Promise((resolve) => this.#waitingForCapacity.push({ way, resolve }));
  }

  /** Facts for operators: robots by their prefix and thing, quarantined ones by their prefix. */
  get load() {
    const [oldest] = this.#held;
    return {
      waiting: this.#held.size,
      oldestMs: oldest ? performance.now() - oldest.atMs : 0,
      storedMs: this.#storedMs,
      refused: this.#refused,
      stuck: this.#queue.stuck,
      quarantined: this.#rates.quarantined,
    };
  }

  /** Robots that may seem silent because their messages wait: `things`, and all robots if this instance commits nothing. */
  get behind(): { readonly all: boolean; readonly things: readonly string[] } {
    const stuck = new Set(this.#queue.stuck);
    const since = performance.now() - BEHIND_MS;
    const held = [...this.#held];
    const all = this.#storedMs < since && held.some(({ label, atMs }) => atMs < since && !stuck.has(label.robot));
    return { all, things: [...new Set(held.map(({ label }) => label.robot.slice(label.prefix.length + 1)))] };
  }

  /** Commits the queued messages, for at most `timeoutMs`. The robots still have the messages that are not committed. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    this.#ring();
    const timer = setTimeout(() => {
      this.#abort.abort();
      this.#ring();
    }, timeoutMs);
    await this.#running;
    clearTimeout(timer);
  }

  async #run(lane: Lane): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const batch = this.#queue.next(lane, performance.now());
      if (batch) {
        const { messages, taken } = await this.#decoded(batch);
        if (taken.queued.length < batch.queued.length) this.#ring();
        const isStored = await this.#store(taken, messages);
        this.#queue.done(taken);
        this.#ring();
        if (!isStored) await wait(backoffMs(Math.max(1, this.#failures), RETRY, Math.random()), this.#abort.signal);
      } else if (this.#draining && this.#held.size === 0) return;
      else await this.#news(lane);
    }
  }

  /** Waits for a message, for the end of a transaction, or for the next try of a stuck robot. */
  async #news(lane: Lane): Promise<void> {
    const { signal } = this.#bell;
    const dueMs = lane === 'side' ? this.#queue.dueMs() : null;
    if (dueMs !== null) await wait(Math.max(1, dueMs - performance.now()), signal);
    else await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }

  #ring(): void {
    this.#bell.abort();
    this.#bell = new AbortController();
  }

  /** @returns false if the database failed. */
  async #store(batch: Batch, messages: readonly Message[]): Promise<boolean> {
    const { db, log, patterns, nowMs = Date.now, onCommitted } = this.#options;
    const limits = this.#draining ? LIMITS.shared : LIMITS[batch.kind];
    const incoming = batch.queued.map((queued) => queued.incoming);
    const isMixed = patterns.some((pattern) => pattern.includes('+'));
    let stored: Stored;
    try {
      stored = await commit(db, incoming, messages, isMixed, nowMs(), limits);
      for (const { thing, refused } of stored.announced) {
        if (refused === null) log.info({ event: 'certificate_announced', thing }, 'a robot announced its next certificate');
        else log.warn({ event: 'certificate_refused', thing, reason: refused }, 'the certificate that a robot announced was refused');
      }
    } catch (error) {
      this.#queue.putBack(batch.queued);
      if (isOfThisBatch(error)) this.#failed(batch, messages, error);
      else return this.#databaseFailed(error);
      return true;
    }
    if (this.#failures > 0) log.info({ event: 'database_recovered', tries: this.#failures }, 'the database stores messages again');
    this.#failures = 0;
    this.#storedMs = performance.now();
    for (const { name } of this.#queue.stored(batch, performance.now())) {
      log.info({ event: 'robot_unstuck', robot: name }, 'the messages of the robot are stored again');
    }
    for (const queued of batch.queued) {
      const { incoming, label } = queued;
      incoming.done();
      this.#held.delete(queued);
      this.#admission.left(label, incoming.payload.length);
    }
    this.#offerCapacity();
    for (const intruder of stored.intruders) {
      const text = 'a message of this thing came from a topic that is not its own, and is refused; if the robot moved: robot reset THING';
      log.warn({ event: 'robot_refused', ...intruder }, text);
    }
    onCommitted(stored.messages);
    return true;
  }

  /** Decodes messages up to the limits of a transaction, and puts the others back. */
  async #decoded(whole: Batch): Promise<{ messages: Message[]; taken: Batch }> {
    const total = { rows: 0, bytes: 0 };
    const queued: Queued[] = [];
    const messages: Message[] = [];
    for (const one of whole.queued) {
      if (total.rows >= MOST.rows || total.bytes >= MOST.bytes) break;
      const weight = { rows: 0, bytes: 0 };
      const message = await decode(this.#options.patterns, one.incoming, weight);
      one.isReduced ??= this.#spend(one, weight);
      const taken = one.isReduced ? onlyAlerts(message) : message;
      messages.push(one.refusals.reduce((refused, reason) => asPoison(one.incoming, refused, reason) ?? refused, taken));
      queued.push(one);
      total.rows += weight.rows;
      total.bytes += weight.bytes;
    }
    return { messages, taken: this.#queue.shortened(whole, queued.length) };
  }

  /** @returns whether the robot was above its rate already, so that only its alerts are taken. */
  #spend({ label: { prefix, urgency } }: Queued, weight: Weight): boolean {
    const nowMs = performance.now();
    const isSpent = urgency === 'alert' && this.#rates.isSpent(prefix, nowMs);
    if (this.#rates.spend(prefix, weight, nowMs)) {
      const text = 'the robot sends more than it may: only its alerts are taken at once, and the rest as its rate permits';
      this.#options.log.warn({ event: 'robot_quarantined', prefix }, text);
    }
    return isSpent;
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < SWEEP_MS) return;
    this.#sweptMs = nowMs;
    for (const prefix of this.#rates.sweep(nowMs)) {
      this.#options.log.info({ event: 'robot_released', prefix }, 'the robot is within its rate again');
    }
  }

  #failed(batch: Batch, messages: readonly Message[], error: unknown): void {
    const { log } = this.#options;
    const [only, message] = [batch.queued[0], messages[0]];
    const reason = messageOf(error);
    if (batch.queued.length === 1 && only && message && refuses(error) && asPoison(only.incoming, message, reason)) {
      only.refusals.push(`the message could not be stored: ${reason}`);
      log.error({ event: 'message_refused', topic: only.incoming.topic, reason }, 'the message will be stored as poison');
      this.#queue.suspect(batch, performance.now());
      return;
    }
    const stuck = this.#queue.failed(batch, performance.now(), codeOf(error) === '55P03');
    if (stuck) log.warn({ event: 'robot_stuck', robot: stuck.name, reason }, 'the messages of the robot wait; other robots go on');
  }

  #databaseFailed(error: unknown): false {
    if (this.#failures === 0) {
      const text = 'the database could not store messages; the cloud will try again';
      this.#options.log.warn({ event: 'database_failed', reason: messageOf(error) }, text);
    }
    this.#failures++;
    return false;
  }

  #offerCapacity(): void {
    const waiting = this.#waitingForCapacity.splice(0);
    for (const one of waiting) {
      if (this.#admission.hasCapacity(one.way)) one.resolve();
      else this.#waitingForCapacity.push(one);
    }
  }
}
