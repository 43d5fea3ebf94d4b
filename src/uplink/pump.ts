// Publishes rows over one connection, in order of urgency: alerts, results, events, live readings once per interval, and then the backlog.
// Every connection has its own pump.
import type { Claim } from '../outbox/index.ts';
import { MAX_MESSAGE_BYTES, type Topics } from '../wire/index.ts';
import type { Quota } from './limits.ts';
import { backlogMessage, type EnvelopeFacts, liveMessage, singleMessage } from './messages.ts';
import type { UplinkOptions } from './options.ts';
import type { Link } from './session.ts';

export interface PumpOptions extends Pick<UplinkOptions, 'thing' | 'outbox' | 'clock' | 'ackTimeoutMs' | 'window' | 'onAck'> {
  readonly session: Link;
  readonly topics: Topics;
  readonly boot: number;
  /** Returns the interval of live telemetry in milliseconds. Called before each wait, because it may change. */
  readonly intervalMs: () => number;
  readonly quota: Quota;
  /** Called for each published message with its size. */
  readonly onSent: (bytes: number) => void;
  /** Called when a message is dropped after {@link MAX_REFUSALS} refusals and its rows have been evicted as poison. */
  readonly onPoison: (claim: Claim, error: Error) => void;
  /** Called for each of the broker's answers: an acknowledgement if `error` is undefined, otherwise a refusal. */
  readonly onAnswer: (topic: string, error: Error | undefined) => void;
}

interface Sent {
  readonly claim: Claim;
  readonly sentMs: number;
}

/** Limit on the rows' share of a message. The rest is for the envelope and the latest values. */
const ROWS_BYTES = MAX_MESSAGE_BYTES - 8 * 1024;

/** Rows per message. Building a message of this many blocks the event loop for about 2 ms. */
const MAX_ROWS = 1_000;

/** Extra window slots for alerts, so that they can be sent even if the window is full of other messages. */
const ALERT_SLOTS = 4;

/** After this many refusals, a message is dropped and its rows are declared poison. */
const MAX_REFUSALS = 3;
const RETRY_REFUSED_MS = 1_000;

export class Pump {
  readonly #options: PumpOptions;
  /** Telemetry rows up to this number were accepted before the connection, and so are backlog. */
  readonly #cutoff: number;
  readonly #inFlight = new Set<Sent>();
  readonly #refused = new Map<string, number>();
  #isLiveDue = true;
  #isPaused = false;
  #isWakePending = false;
  #turn: NodeJS.Immediate | undefined;
  #ackTimer: NodeJS.Timeout | undefined;
  #liveTimer: NodeJS.Timeout | undefined;
  #quotaTimer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #onIdle: (() => void) | undefined;

  constructor(options: PumpOptions) {
    this.#options = options;
    this.#cutoff = options.outbox.accepted;
  }

  start(): void {
    this.#startLiveTimer();
    this.wake();
  }

  /** Schedules a drain as a microtask. Cheap enough to call after every commit. */
  wake(): void {
    if (this.#isWakePending || this.#isStopped) return;
    this.#isWakePending = true;
    queueMicrotask(() => {
      this.#isWakePending = false;
      this.#drain();
    });
  }

  /** Publishes all pending rows. Resolves once they have been acknowledged, or after `deadlineMs`. */
  async finish(deadlineMs: number): Promise<void> {
    if (this.#isStopped) return;
    this.#isLiveDue = true;
    this.wake();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Stops the timers and returns unacknowledged claims to the outbox, so that the next connection sends them again. */
  stop(): void {
    this.#isStopped = true;
    clearImmediate(this.#turn);
    clearTimeout(this.#liveTimer);
    clearTimeout(this.#quotaTimer);
    clearTimeout(this.#ackTimer);
    for (const { claim } of this.#inFlight) this.#options.outbox.failed(claim);
    this.#inFlight.clear();
    this.#onIdle?.();
  }

  #startLiveTimer(): void {
    this.#liveTimer = setTimeout(() => {
      this.#isLiveDue = true;
      this.wake();
      this.#startLiveTimer();
    }, this.#options.intervalMs()).unref();
  }

  /**
   * Publishes the next message, if there is one and the quota allows it, and schedules another call for the next turn of the event loop.
   */
  #drain(): void {
    if (this.#isStopped || this.#isPaused) return;
    const waitMs = this.#options.quota.waitMs(this.#options.clock.mono());
    if (waitMs > 0) {
      clearTimeout(this.#quotaTimer);
      this.#quotaTimer = setTimeout(() => this.wake(), waitMs).unref();
      return;
    }
    const next = this.#next();
    if (!next) {
      if (this.#inFlight.size === 0) this.#onIdle?.();
      return;
    }
    this.#send(next.topic, next.claim, next.payload);
    this.#drainNextTurn();
  }

  /** Yields to the event loop first, so that new rows can be committed and an alert among them is sent next. */
  #drainNextTurn(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#drain();
    });
  }

  /** Returns the most urgent message; undefined if the window is full or there is nothing to send. */
  #next(): { topic: string; claim: Claim; payload: string | Buffer } | undefined {
    const { outbox, topics, window } = this.#options;
    const limits = { maxRows: MAX_ROWS, maxBytes: ROWS_BYTES };
    if (this.#inFlight.size >= window + ALERT_SLOTS) return undefined;
    const alert = outbox.claim('alert', limits);
    if (alert) return { topic: topics.telemetry, claim: alert, payload: liveMessage('alert', alert, this.#facts(), outbox.latest()) };
    if (this.#inFlight.size >= window) return undefined;
    for (const kind of ['result', 'event'] as const) {
      const claim = outbox.claim(kind, { maxRows: 1, maxBytes: ROWS_BYTES });
      const topic = kind === 'result' ? topics.results : topics.events;
      if (claim) return { topic, claim, payload: singleMessage(claim, this.#facts()) };
    }
    if (this.#isLiveDue) {
      const claim = outbox.claim('telemetry', { ...limits, track: { kind: 'live', cutoff: this.#cutoff } });
      if (claim) return { topic: topics.telemetry, claim, payload: liveMessage('telemetry', claim, this.#facts(), outbox.latest()) };
      this.#isLiveDue = false;
    }
    const claim = outbox.claim('telemetry', { ...limits, track: { kind: 'backlog', cutoff: this.#cutoff } });
    return claim && { topic: topics.backlog, claim, payload: backlogMessage(claim, this.#facts()) };
  }

  #send(topic: string, claim: Claim, payload: string | Buffer): void {
    const sent: Sent = { claim, sentMs: this.#options.clock.mono() };
    const bytes = Buffer.byteLength(payload);
    this.#options.quota.spend(bytes);
    this.#options.onSent(bytes);
    this.#inFlight.add(sent);
    this.#ackTimer ??= setTimeout(() => this.#dropIfUnacknowledged(), this.#options.ackTimeoutMs).unref();
    this.#options.session.publish(topic, payload, (error) => {
      if (!this.#inFlight.delete(sent)) return;
      this.#options.onAnswer(topic, error);
      if (error) this.#refuse(claim, error);
      else {
        this.#options.outbox.published(claim);
        this.#options.onAck(this.#options.clock.mono() - sent.sentMs, claim.rows.length);
      }
      this.#drainNextTurn();
    });
  }

  /** Retries a refused message a few times and then drops it, because it would otherwise block all others forever. */
  #refuse(claim: Claim, error: Error): void {
    const key = `${claim.ordinal}/${claim.first}`;
    const tries = (this.#refused.get(key) ?? 0) + 1;
    this.#refused.set(key, tries);
    if (tries >= MAX_REFUSALS) {
      this.#refused.delete(key);
      this.#options.outbox.refused(claim);
      this.#options.onPoison(claim, error);
      return;
    }
    this.#options.outbox.failed(claim);
    this.#isPaused = true;
    setTimeout(() => {
      this.#isPaused = false;
      this.wake();
    }, RETRY_REFUSED_MS).unref();
  }

  /** Drops the connection if an acknowledgement is overdue, because unacknowledged messages can only be sent again on a new connection. */
  #dropIfUnacknowledged(): void {
    this.#ackTimer = undefined;
    const { clock, ackTimeoutMs, session } = this.#options;
    // Sets iterate in insertion order, so the first message is the oldest.
    const [oldest] = this.#inFlight;
    if (oldest === undefined) return;
    const leftMs = oldest.sentMs + ackTimeoutMs - clock.mono();
    if (leftMs <= 0) session.drop();
    else this.#ackTimer = setTimeout(() => this.#dropIfUnacknowledged(), leftMs).unref();
  }

  #facts(): EnvelopeFacts {
    const { thing, boot, clock } = this.#options;
    return { thing, mark: [boot, clock.mono()], sentAt: clock.wall() };
  }
}
