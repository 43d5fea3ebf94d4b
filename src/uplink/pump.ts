// Publishes rows over one connection, in order of urgency: alerts, results, events, live readings once per interval, and then the backlog.
// Every connection has its own pump.
import { type Claim, type ClaimLimits, isDeclaration, type RowClass } from '../outbox/index.ts';
import type { Topics } from '../wire/index.ts';
import type { AlertWatch } from './alertWatch.ts';
import { type BrokerLimits, payloadLimit, windowsOf } from './brokerLimits.ts';
import { unanswered } from './connectError.ts';
import type { Gate, Turn } from './gate.ts';
import { type Lane, Lanes } from './lanes.ts';
import type { Quota } from './limits.ts';
import { backlogMessage, type EnvelopeFacts, liveMessage, singleMessage } from './messages.ts';
import type { UplinkOptions } from './options.ts';
import { refusalOf } from './reasons.ts';

export interface PumpOptions
  extends Pick<UplinkOptions, 'thing' | 'outbox' | 'clock' | 'lifetime' | 'ackTimeoutMs' | 'window' | 'backoff' | 'onAck'> {
  /** The connection, and the turns of its requests. */
  readonly gate: Gate;
  readonly topics: Topics;
  /** Returns the interval of live telemetry in milliseconds. Called before each wait, because it may change. */
  readonly intervalMs: () => number;
  readonly quota: Quota;
  readonly limits: BrokerLimits;
  /** Called for each published message with its size. */
  readonly onSent: (bytes: number) => void;
  /** Called when the broker refused the content of a row for good, and the row has been evicted as poison. */
  readonly onPoison: (claim: Claim, words: string) => void;
  /** Called if a message does not contain the latest values, because the broker would not accept it with them. */
  readonly onValuesLeftOut: () => void;
  /** Whether the connection is expensive, so that only alerts and results are sent. */
  readonly isMetered: boolean;
  readonly alerts: AlertWatch;
  /** Called for each of the broker's answers: an acknowledgement if `error` is undefined, otherwise a refusal. */
  readonly onAnswer: (topic: string, error: Error | undefined) => void;
}

interface Next {
  readonly lane: Lane;
  readonly topic: string;
  readonly claim: Claim;
  readonly payload: string | Buffer;
}

interface Sent {
  readonly topic: string;
  readonly bytes: number;
  readonly claim: Claim;
  readonly sentMs: number;
}

/** The part of a message that is kept for the latest values, if the broker's limit permits. */
const VALUES_BYTES = 8 * 1024;

/** Upper bound for the envelope of a message: names of at most 128 characters and numbers. */
const ENVELOPE_BYTES = 512;

/** The refusal of a message that the broker's limit for packets forbids to send. */
const TOO_LARGE = Object.assign(new Error('larger than the broker accepts'), { code: 0x95 });

/** Extra window slots for alerts, so that they can be sent even if the window is full of other messages. */
const ALERT_SLOTS = 4;

export class Pump {
  readonly #options: PumpOptions;
  /** Telemetry rows up to this number were accepted before the connection, and so are backlog. */
  readonly #cutoff: number;
  readonly #inFlight = new Set<Sent>();
  readonly #lanes: Lanes;
  readonly #windows: { readonly alerts: number; readonly others: number };
  #isLiveDue = true;
  #isWakePending = false;
  #turn: NodeJS.Immediate | undefined;
  #ackTimer: NodeJS.Timeout | undefined;
  #liveTimer: NodeJS.Timeout | undefined;
  #delayTimer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #onIdle: (() => void) | undefined;

  constructor(options: PumpOptions) {
    this.#options = options;
    this.#cutoff = options.outbox.accepted;
    this.#lanes = new Lanes(options.backoff, Math.random);
    this.#windows = windowsOf(options.limits, options.window, ALERT_SLOTS);
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

  /** The size of the largest message without an answer; 0 if the broker has answered all. */
  get largestInFlight(): number {
    return Math.max(0, ...[...this.#inFlight].map(({ bytes }) => bytes));
  }

  /** Stops the timers and returns unacknowledged claims to the outbox, so that the next connection sends them again. */
  stop(): void {
    this.#isStopped = true;
    clearImmediate(this.#turn);
    clearTimeout(this.#liveTimer);
    clearTimeout(this.#delayTimer);
    clearTimeout(this.#ackTimer);
    this.#options.alerts.reset();
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
    if (this.#isStopped) return;
    const nowMs = this.#options.clock.mono();
    const quotaMs = this.#options.quota.waitMs(nowMs);
    if (quotaMs > 0) {
      this.#wakeIn(quotaMs);
      return;
    }
    const next = this.#next(nowMs);
    if (!next) {
      const refusedMs = this.#lanes.waitMs(nowMs);
      if (refusedMs !== undefined) this.#wakeIn(refusedMs);
      const { isTrying, isAwaited } = this.#options.gate;
      if (this.#inFlight.size === 0 && !isTrying && !isAwaited) this.#onIdle?.();
      return;
    }
    this.#send(next);
    this.#drainNextTurn();
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#delayTimer);
    this.#delayTimer = setTimeout(() => this.wake(), ms).unref();
  }

  /** Yields to the event loop first, so that new rows can be committed and an alert among them is sent next. */
  #drainNextTurn(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#drain();
    });
  }

  /** Returns the most urgent message; undefined if the window is full or there is nothing to send. */
  #next(nowMs: number): Next | undefined {
    const { outbox, topics, gate } = this.#options;
    if (this.#inFlight.size >= this.#windows.alerts) return undefined;
    const alertTurn = this.#turnOf('alert', 'alert', topics.telemetry, nowMs);
    const alert = alertTurn === 'now' ? this.#claim('alert', 'alert', nowMs) : undefined;
    if (alert) return this.#live('alert', alert);
    if (alertTurn === 'later' || gate.isAwaited || this.#inFlight.size >= this.#windows.others) return undefined;
    for (const kind of this.#options.isMetered ? (['result'] as const) : (['result', 'event'] as const)) {
      const topic = kind === 'result' ? topics.results : topics.events;
      const turn = this.#turnOf(kind, kind, topic, nowMs);
      if (turn === 'later') return undefined;
      const claim = turn === 'now' ? outbox.claim(kind, { maxRows: 1, maxBytes: 1 }) : undefined;
      if (claim) return { lane: kind, topic, claim, payload: singleMessage(claim, this.#facts()) };
    }
    if (this.#options.isMetered) return undefined;
    const liveTurn = this.#isLiveDue ? this.#turnOf('live', 'telemetry', topics.telemetry, nowMs) : 'held';
    if (liveTurn === 'later') return undefined;
    if (liveTurn === 'now') {
      const live = this.#claim('live', 'telemetry', nowMs, { kind: 'live', cutoff: this.#cutoff });
      if (live) return this.#live('live', live);
      this.#isLiveDue = false;
    }
    if (this.#turnOf('backlog', 'telemetry', topics.backlog, nowMs) !== 'now') return undefined;
    const claim = this.#claim('backlog', 'telemetry', nowMs, { kind: 'backlog', cutoff: this.#cutoff });
    return claim && { lane: 'backlog', topic: topics.backlog, claim, payload: backlogMessage(claim, this.#facts()) };
  }

  /** Whether the lane may send now. `later` also stops less urgent lanes, until the messages in flight are answered. */
  #turnOf(lane: Lane, rowClass: RowClass, topic: string, nowMs: number): Turn {
    const { gate, outbox } = this.#options;
    if (this.#lanes.maxRows(lane, nowMs) === 0) return 'held';
    const turn = gate.turn(`publish ${topic}`, lane === 'alert');
    return turn === 'later' && !outbox.hasFree(rowClass) ? 'held' : turn;
  }

  #claim(lane: Lane, rowClass: RowClass, nowMs: number, track?: ClaimLimits['track']): Claim | undefined {
    const maxRows = this.#lanes.maxRows(lane, nowMs);
    const { outbox, limits, topics } = this.#options;
    const bytes = payloadLimit(limits, topics.telemetry) - ENVELOPE_BYTES;
    const maxBytes = bytes > 2 * VALUES_BYTES ? bytes - VALUES_BYTES : bytes;
    return outbox.claim(rowClass, { maxRows, maxBytes, ...(track ? { track } : {}) });
  }

  /** Leaves out the latest values if the message would be larger than the broker accepts. */
  #live(lane: 'alert' | 'live', claim: Claim): Next {
    const { outbox, topics, limits } = this.#options;
    const kind = lane === 'alert' ? 'alert' : 'telemetry';
    const whole = liveMessage(kind, claim, this.#facts(), outbox.latest());
    if (Buffer.byteLength(whole) <= payloadLimit(limits, topics.telemetry)) return { lane, topic: topics.telemetry, claim, payload: whole };
    this.#options.onValuesLeftOut();
    return { lane, topic: topics.telemetry, claim, payload: liveMessage(kind, claim, this.#facts(), undefined) };
  }

  #send({ lane, topic, claim, payload }: Next): void {
    const bytes = Buffer.byteLength(payload);
    this.#lanes.sent(lane);
    if (bytes > payloadLimit(this.#options.limits, topic)) {
      this.#refused(lane, claim, TOO_LARGE);
      return;
    }
    const sent: Sent = { topic, bytes, claim, sentMs: this.#options.clock.mono() };
    this.#options.quota.spend(bytes);
    this.#options.onSent(bytes);
    this.#inFlight.add(sent);
    this.#ackTimer ??= setTimeout(() => this.#dropIfUnacknowledged(), this.#options.ackTimeoutMs).unref();
    const { alerts, gate } = this.#options;
    if (lane === 'alert') alerts.sent();
    gate.link.publish(topic, payload, (error) => {
      if (!this.#inFlight.delete(sent)) return;
      const tookMs = this.#options.clock.mono() - sent.sentMs;
      if (lane === 'alert') alerts.answered(tookMs);
      this.#options.onAnswer(topic, error);
      if (error) this.#refused(lane, claim, error);
      else {
        this.#lanes.acknowledged(lane, keyOf(claim));
        this.#options.outbox.published(claim);
        this.#options.onAck(tookMs, claim.rows.length);
      }
      this.#drainNextTurn();
    });
  }

  /** Keeps the rows of a refused message, unless the broker refuses the content of its only row for good: that would block all others. */
  #refused(lane: Lane, claim: Claim, error: Error): void {
    const { outbox, clock, onPoison } = this.#options;
    const { kind, words } = refusalOf(error);
    const message = { key: keyOf(claim), rows: claim.rows.length, mayPoison: !claim.rows.some(isDeclaration) };
    const isPoison = this.#lanes.refused(lane, kind, message, clock.mono());
    if (!isPoison) outbox.failed(claim);
    else {
      outbox.refused(claim);
      onPoison(claim, words);
    }
  }

  /** Drops the connection if an acknowledgement is overdue, because unacknowledged messages can only be sent again on a new connection. */
  #dropIfUnacknowledged(): void {
    this.#ackTimer = undefined;
    const { clock, ackTimeoutMs, gate } = this.#options;
    // Sets iterate in insertion order, so the first message is the oldest.
    const [oldest] = this.#inFlight;
    if (oldest === undefined) return;
    const leftMs = oldest.sentMs + ackTimeoutMs - clock.mono();
    if (leftMs <= 0) gate.link.drop(unanswered(`${oldest.topic} has no acknowledgement`, ackTimeoutMs));
    else this.#ackTimer = setTimeout(() => this.#dropIfUnacknowledged(), leftMs).unref();
  }

  #facts(): EnvelopeFacts {
    const { thing, lifetime, clock } = this.#options;
    return { thing, mark: lifetime.mark(clock.mono()), sentAt: clock.wall() };
  }
}

function keyOf({ ordinal, first }: Claim): string {
  return `${ordinal}/${first}`;
}
