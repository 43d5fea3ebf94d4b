// Drains the outbox over one connection: alerts first and in a slot of their own, then results and events, live readings once
// in an interval, the backlog with what is left. A pump lives as long as its connection.
import type { Clock } from '../clock/index.ts';
import type { Claim, Outbox } from '../outbox/index.ts';
import { MAX_MESSAGE_BYTES, type Topics } from '../wire/index.ts';
import { backlogMessage, type EnvelopeFacts, liveMessage, singleMessage } from './messages.ts';
import type { Quota } from './quota.ts';
import type { Link } from './session.ts';

export interface PumpOptions {
  readonly session: Link;
  readonly outbox: Outbox;
  readonly topics: Topics;
  readonly thing: string;
  readonly clock: Clock;
  readonly boot: number;
  /** Interval of live telemetry in milliseconds; read before each wait. */
  readonly intervalMs: () => number;
  readonly quota: Quota;
  /** Every message that left, by its size. */
  readonly onSent: (bytes: number) => void;
  readonly ackTimeoutMs: number;
  /** Messages on their way without an acknowledgement. */
  readonly window: number;
  readonly onAck: (latencyMs: number, rows: number) => void;
  /** The broker refused a message for good; its rows were declared as poison. */
  readonly onPoison: (claim: Claim, error: Error) => void;
  /** Without an error: acknowledged. */
  readonly onAnswer: (topic: string, error: Error | undefined) => void;
}

interface Sent {
  readonly claim: Claim;
  readonly sentMs: number;
}

/** Bytes for rows: the rest of a message is for the envelope and the flat state. */
const ROWS_BYTES = MAX_MESSAGE_BYTES - 8 * 1024;

/** Rows of one message at most: what keeps the building of a message, in which nothing else happens, at about 2 ms. */
const MAX_ROWS = 1_000;

/** An alert may leave although the window is full of backlog. */
const ALERT_SLOTS = 4;

/** A message the broker says no to is tried so often, this far apart, before it is put aside. */
const REFUSED_TRIES = 3;
const REFUSED_RETRY_MS = 1_000;

export class Pump {
  readonly #options: PumpOptions;
  readonly #cutoff: number;
  readonly #inFlight = new Set<Sent>();
  readonly #refused = new Map<string, number>();
  #liveDue = true;
  #paused = false;
  #soon = false;
  #turn: NodeJS.Immediate | undefined;
  #mute: NodeJS.Timeout | undefined;
  #live: NodeJS.Timeout | undefined;
  #throttled: NodeJS.Timeout | undefined;
  #stopped = false;
  #idle: (() => void) | undefined;

  constructor(options: PumpOptions) {
    this.#options = options;
    this.#cutoff = options.outbox.accepted;
  }

  start(): void {
    this.#liveIn(this.#options.intervalMs());
    this.wake();
  }

  /** Something was committed: it goes out before this turn of the event loop ends. Cheap, and may be called at any time. */
  wake(): void {
    if (this.#soon || this.#stopped) return;
    this.#soon = true;
    queueMicrotask(() => {
      this.#soon = false;
      this.#drain();
    });
  }

  /** Sends what is pending now, live readings too, and resolves when all of it is acknowledged or the deadline has passed. */
  async finish(deadlineMs: number): Promise<void> {
    if (this.#stopped) return;
    this.#liveDue = true;
    this.wake();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      this.#idle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Gives back what was not acknowledged: the next connection sends it again. */
  stop(): void {
    this.#stopped = true;
    clearImmediate(this.#turn);
    clearTimeout(this.#live);
    clearTimeout(this.#throttled);
    clearTimeout(this.#mute);
    for (const { claim } of this.#inFlight) this.#options.outbox.failed(claim);
    this.#inFlight.clear();
    this.#idle?.();
  }

  #liveIn(ms: number): void {
    this.#live = setTimeout(() => {
      this.#liveDue = true;
      this.wake();
      this.#liveIn(this.#options.intervalMs());
    }, ms).unref();
  }

  /** One message a turn of the event loop, as its bytes leave when the turn ends. */
  #drain(): void {
    if (this.#stopped || this.#paused) return;
    const waitMs = this.#options.quota.waitMs(this.#options.clock.mono());
    if (waitMs > 0) {
      clearTimeout(this.#throttled);
      this.#throttled = setTimeout(() => this.wake(), waitMs).unref();
      return;
    }
    const next = this.#next();
    if (!next) {
      if (this.#inFlight.size === 0) this.#idle?.();
      return;
    }
    this.#send(next.topic, next.claim, next.payload);
    this.#goOn();
  }

  /** In the next turn: what came in during this one, an alert above all, is taken and committed first. */
  #goOn(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#drain();
    });
  }

  /** The next message by priority, built; undefined when the window is full or nothing is pending. */
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
    if (this.#liveDue) {
      const claim = outbox.claim('telemetry', { ...limits, track: { kind: 'live', cutoff: this.#cutoff } });
      if (claim) return { topic: topics.telemetry, claim, payload: liveMessage('telemetry', claim, this.#facts(), outbox.latest()) };
      this.#liveDue = false;
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
    this.#mute ??= setTimeout(() => this.#dropIfMute(), this.#options.ackTimeoutMs).unref();
    this.#options.session.publish(topic, payload, (error) => {
      if (!this.#inFlight.delete(sent)) return;
      this.#options.onAnswer(topic, error);
      if (error) this.#refuse(claim, error);
      else {
        this.#options.outbox.published(claim);
        this.#options.onAck(this.#options.clock.mono() - sent.sentMs, claim.rows.length);
      }
      this.#goOn();
    });
  }

  /** A broker that says no to one message must not stop the others, nor get it for ever. */
  #refuse(claim: Claim, error: Error): void {
    const key = `${claim.ordinal}/${claim.first}`;
    const tries = (this.#refused.get(key) ?? 0) + 1;
    this.#refused.set(key, tries);
    if (tries >= REFUSED_TRIES) {
      this.#refused.delete(key);
      this.#options.outbox.refused(claim);
      this.#options.onPoison(claim, error);
      return;
    }
    this.#options.outbox.failed(claim);
    this.#paused = true;
    setTimeout(() => {
      this.#paused = false;
      this.wake();
    }, REFUSED_RETRY_MS).unref();
  }

  /** Connected, and yet no acknowledgement: only a new connection helps. */
  #dropIfMute(): void {
    this.#mute = undefined;
    const { clock, ackTimeoutMs, session } = this.#options;
    // A set keeps its order: the first is the one that waits longest.
    const [oldest] = this.#inFlight;
    if (oldest === undefined) return;
    const leftMs = oldest.sentMs + ackTimeoutMs - clock.mono();
    if (leftMs <= 0) session.drop();
    else this.#mute = setTimeout(() => this.#dropIfMute(), leftMs).unref();
  }

  #facts(): EnvelopeFacts {
    const { thing, boot, clock } = this.#options;
    return { thing, mark: [boot, clock.mono()], sentAt: clock.wall() };
  }
}
