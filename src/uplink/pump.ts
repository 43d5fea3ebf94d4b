// Publishes rows over one connection: alerts first, then results and events, then live readings once per interval, then the backlog. Each
// connection has its own pump.
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
  /** Interval of live telemetry in milliseconds; read before each wait. */
  readonly intervalMs: () => number;
  readonly quota: Quota;
  /** Called for each published message. */
  readonly onSent: (bytes: number) => void;
  /** Called when the pump drops a message after several refusals. The outbox declares its rows as poison. */
  readonly onPoison: (claim: Claim, error: Error) => void;
  /** Called for each answer of the broker. Without an error, it acknowledged the message. */
  readonly onAnswer: (topic: string, error: Error | undefined) => void;
}

interface Sent {
  readonly claim: Claim;
  readonly sentMs: number;
}

/** Bytes for the rows of a message. The rest is for the envelope and the state. */
const ROWS_BYTES = MAX_MESSAGE_BYTES - 8 * 1024;

/** Rows of one message. Building it blocks the event loop for about 2 ms. */
const MAX_ROWS = 1_000;

/** Extra slots for alerts, so that a window full of backlog never delays them. */
const ALERT_SLOTS = 4;

/** After this many refusals, the pump drops a message as poison. */
const MAX_REFUSALS = 3;
const RETRY_REFUSED_MS = 1_000;

export class Pump {
  readonly #options: PumpOptions;
  /** Rows accepted before the connection are backlog. */
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

  /** Starts a drain before this turn of the event loop ends. Cheap, and may be called at any time. */
  wake(): void {
    if (this.#isWakePending || this.#isStopped) return;
    this.#isWakePending = true;
    queueMicrotask(() => {
      this.#isWakePending = false;
      this.#drain();
    });
  }

  /** Publishes all pending rows. Resolves when they are acknowledged, or at the deadline. */
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

  /** Returns unacknowledged claims to the outbox. The next connection sends them again. */
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

  /** Publishes one message. Its bytes leave at the end of this turn of the event loop. */
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

  /** Lets the event loop commit new rows first, above all alerts. */
  #drainNextTurn(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#drain();
    });
  }

  /** @returns the most urgent message; undefined if the window is full or no rows are pending. */
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

  /** Retries a refused message a few times, and then drops it, so that it does not block other messages for ever. */
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

  /** Drops the connection if acknowledgements are overdue, because only a new connection helps. */
  #dropIfUnacknowledged(): void {
    this.#ackTimer = undefined;
    const { clock, ackTimeoutMs, session } = this.#options;
    // A set keeps its order, so the first message has waited longest.
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
