// Finds the request that the broker does not answer, or for which it closes the connection. It must not delay all others. MQTT 3.1.1 has
// no other way to refuse a publish, and AWS IoT Core closes the connection in MQTT 5 too (github.com/aws/aws-iot-device-sdk-js/issues/125).
// Pure: time and randomness are parameters.
import { type BackoffLimits, backoffMs } from '../base/index.ts';
import { ALERT_WAIT_MS } from './lanes.ts';
import type { TopicRight } from './rights.ts';

/** Whether a request with this right may be sent: with others, only while no other request is unanswered, or not now. */
export type Verdict = 'free' | 'alone' | 'held';

interface Doubt {
  /** Connections in a row that the broker closed while a request with this right had no answer. */
  losses: number;
  /** How many of them had no other explanation. */
  denials: number;
  untilMs: number;
  alertUntilMs: number;
  /** Whether the broker acknowledged later messages, but not this one. */
  isDiscarded: boolean;
}

/** After one loss, each of its requests is sent alone. The second loss then shows the cause. */
const DENIED_FROM = 2;

/** Longest wait before a denied request is tried again. Each try costs a connection, so it is longer than that of a refused message. */
const WAIT_MS = 5 * 60_000;

export class Denials {
  readonly #backoff: BackoffLimits;
  readonly #random: () => number;
  readonly #doubts = new Map<TopicRight, Doubt>();

  constructor(backoff: BackoffLimits, random: () => number) {
    this.#backoff = backoff;
    this.#random = random;
  }

  /** The rights that the broker denies, as far as they are known. */
  get denied(): TopicRight[] {
    return [...this.#doubts].filter(([, { denials }]) => denials > 0).map(([right]) => right);
  }

  verdict(right: TopicRight, isAlert: boolean, nowMs: number): Verdict {
    const doubt = this.#doubts.get(right);
    // An alert waits for no other request before it was denied itself.
    if (!doubt || (isAlert && doubt.denials === 0)) return 'free';
    return nowMs < (isAlert ? doubt.alertUntilMs : doubt.untilMs) ? 'held' : 'alone';
  }

  /** Records that the broker answered a request: it accepted it, or refused it without closing the connection. */
  answered(right: TopicRight): void {
    this.#doubts.delete(right);
  }

  /**
   * Records that the broker closed the connection while these requests had no answer.
   * @returns the request that is the cause, if there is only one candidate.
   */
  lost(unanswered: readonly TopicRight[], nowMs: number): TopicRight | undefined {
    const suspects = unanswered.filter((right) => this.#doubts.has(right));
    for (const right of unanswered) this.#doubtOf(right).losses++;
    const [cause] = unanswered.length === 1 ? unanswered : suspects.length === 1 ? suspects : [];
    if (cause === undefined) return undefined;
    const doubt = this.#doubtOf(cause);
    if (doubt.losses < DENIED_FROM) return undefined;
    doubt.denials++;
    const waitMs = backoffMs(doubt.denials, { ...this.#backoff, maxMs: Math.min(this.#backoff.maxMs, WAIT_MS) }, this.#random());
    doubt.untilMs = nowMs + waitMs;
    doubt.alertUntilMs = nowMs + Math.min(waitMs, ALERT_WAIT_MS);
    return cause;
  }

  /**
   * Records that the robot cut the connection because requests had no answer. That alone may be a dead network.
   * @param overtaken the requests after which the broker has acknowledged later messages.
   * @returns the request that the broker discards, if there is only one candidate.
   */
  discarded(overtaken: readonly TopicRight[], unanswered: readonly TopicRight[], nowMs: number): TopicRight | undefined {
    for (const right of overtaken) this.#doubtOf(right).isDiscarded = true;
    return this.lost(
      unanswered.filter((right) => this.#doubts.get(right)?.isDiscarded),
      nowMs,
    );
  }

  /** Drops all doubts: the broker closes connections without a request too, or the certificate is another. */
  forget(): void {
    this.#doubts.clear();
  }

  /** Returns the milliseconds until a held request may be tried; undefined if none is held. */
  waitMs(nowMs: number): number | undefined {
    const untils = [...this.#doubts.values()].flatMap(({ untilMs, alertUntilMs }) => [untilMs, alertUntilMs]);
    const future = untils.filter((untilMs) => untilMs > nowMs);
    return future.length === 0 ? undefined : Math.min(...future) - nowMs;
  }

  #doubtOf(right: TopicRight): Doubt {
    const doubt = this.#doubts.get(right) ?? { losses: 0, denials: 0, untilMs: 0, alertUntilMs: 0, isDiscarded: false };
    this.#doubts.set(right, doubt);
    return doubt;
  }
}
