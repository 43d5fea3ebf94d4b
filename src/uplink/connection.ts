// Serves one connection to its end: drains the outbox, alerts first, subscribes, publishes presence and makes requests.
import type { Topics } from '../wire/index.ts';
import type { Answers } from './answers.ts';
import type { BrokerLimits } from './brokerLimits.ts';
import { ConnectError, isUnanswered, stoppedAnswering } from './connectError.ts';
import type { TestStep } from './credentialTest.ts';
import { Gate } from './gate.ts';
import { type Budget, Quota } from './limits.ts';
import { NO_TRAFFIC, type TrafficState } from './losses/traffic.ts';
import { doubtText } from './messages.ts';
import type { UplinkOptions } from './options.ts';
import type { PresencePublisher } from './presence.ts';
import { Pump, type PumpOptions } from './pump.ts';
import { Requester } from './requests.ts';
import type { TopicRight } from './rights.ts';
import type { Link } from './session.ts';
import { Subscriptions } from './subscriptions.ts';

export interface ConnectionParts
  extends Pick<
      UplinkOptions,
      'thing' | 'outbox' | 'clock' | 'lifetime' | 'problems' | 'quota' | 'window' | 'ackTimeoutMs' | 'backoff' | 'onAck'
    >,
    Pick<PumpOptions, 'alerts'> {
  readonly session: Link;
  /** The broker's limits, as far as they are known. */
  readonly limits: BrokerLimits;
  /** The session id, as published in presence. */
  readonly id: string;
  readonly topics: Topics;
  readonly budget: Budget;
  readonly presence: PresencePublisher;
  readonly answers: Answers;
  /** If the connection has no last will: the time after which another one with it is worth its cost, in milliseconds. */
  readonly renewAfterMs: number | undefined;
}

/** The end of a connection. */
export interface Loss {
  /** Why the connection ended, if known. */
  readonly reason: Error | undefined;
  /** The requests without an answer. */
  readonly unanswered: readonly TopicRight[];
  /** Those of them after which the broker has acknowledged a later message. */
  readonly overtaken: readonly TopicRight[];
  /** Whether the broker had answered any other. */
  readonly hasAnswer: boolean;
  /** Whether the robot closed the connection. */
  readonly isClosed: boolean;
  readonly traffic: TrafficState;
}

/** A connection that lasts this long without a loss shows that the broker works except for the requests that are held back. */
const STANDS_AFTER_MS = 5_000;

export class Connection {
  readonly pump: Pump;
  readonly requester: Requester;
  readonly #session: Link;
  readonly #gate: Gate;
  readonly #subscriptions: Subscriptions;
  readonly #parts: ConnectionParts;
  #largestUnanswered = 0;
  /** Whether this connection's first presence was published, or waits for its turn. */
  #isAnnounced = false;
  /** Whether the broker has answered a message. If it stops then, the network is as likely a cause as the broker. */
  #isAnswered = false;
  #isClosed = false;
  #renewal: NodeJS.Timeout | undefined;
  #onTested: (step: TestStep, error: Error | undefined) => void = () => {};

  constructor(parts: ConnectionParts) {
    const { session, topics, answers, budget, backoff, problems, clock, quota } = parts;
    this.#parts = parts;
    this.#session = session;
    this.#gate = new Gate({ session, denials: answers.denials, clock, onTurn: () => this.pump.wake() });
    this.requester = new Requester(session);
    this.#subscriptions = new Subscriptions({
      gate: this.#gate,
      topics: [topics.receipts, topics.commands],
      backoff,
      onAnswer: (topic, error) => {
        answers.recordSubscription(topic, error);
        if (error) this.#onTested('subscribe', error);
        // The cloud answers a presence with the receipts and commands that this robot missed.
        if (!this.#isAnnounced || !error) this.#announce();
      },
    });
    this.pump = new Pump({
      ...parts,
      gate: this.#gate,
      onAnswer: (topic, error) => this.#answered(topic, error),
      isMetered: session.path?.interface?.isMetered ?? false,
      intervalMs: () => budget.intervalMs(),
      quota: new Quota(quota, clock.mono()),
      onSent: (bytes) => budget.spend(bytes),
      onAck: (latencyMs, rows) => {
        problems.set('receipt_doubtful', doubtText(parts.outbox.doubted));
        parts.onAck(latencyMs, rows);
      },
      onValuesLeftOut: () => {
        const text = `the broker accepts packets of at most ${parts.limits.maxPacketBytes} bytes, so messages leave out the latest values`;
        problems.raise('broker_packet_limit', text, 'values');
      },
      onPoison: (claim, words) => {
        const severity = claim.class === 'alert' ? 'critical' : undefined;
        const channels = [...new Set(claim.rows.map(({ channel }) => channel))].filter((name) => name !== '');
        const what = [claim.class, ...channels].join(' ');
        problems.raise('message_refused', `${what}, row ${claim.first} of ${claim.outbox.id}: ${words}`, '', severity);
      },
    });
  }

  /**
   * Runs until the connection ends. Aborting the signal cuts the connection.
   * @param onTested called with each refusal of a subscription or presence, and with each presence that the broker has acknowledged, which
   * is the last step of a test of credentials.
   */
  async serve(signal: AbortSignal, onTested: (step: TestStep, error: Error | undefined) => void): Promise<Loss> {
    const { presence, answers } = this.#parts;
    this.#onTested = onTested;
    this.pump.start();
    // The pump sends its first message as a microtask, so an alert goes before the subscriptions.
    queueMicrotask(() => {
      this.#subscriptions.start();
      this.#announce();
    });
    const repeat = presence.repeat(() => this.publishPresence(), this.#session.path?.interface?.isMetered ?? false);
    const stands = setTimeout(() => answers.nameDenied(), STANDS_AFTER_MS).unref();
    const cut = () => this.#session.drop();
    signal.addEventListener('abort', cut, { once: true });
    const reason = await this.#session.ended;
    const { traffic = NO_TRAFFIC } = this.#session;
    signal.removeEventListener('abort', cut);
    clearTimeout(stands);
    clearTimeout(this.#renewal);
    repeat.stop();
    this.#subscriptions.stop();
    const { unanswered, overtaken, hasAnswer } = this.#gate;
    this.#gate.stop();
    this.#largestUnanswered = this.pump.largestInFlight;
    this.pump.stop();
    const isStop = this.#isAnswered && this.#isAnnounced && isUnanswered(reason);
    return { reason: isStop ? stoppedAnswering(reason) : reason, unanswered, overtaken, hasAnswer, isClosed: this.#isClosed, traffic };
  }

  /** Publishes presence if the battery has become low or is no longer low. */
  publishPower(): void {
    if (this.#parts.presence.isPowerDue) this.publishPresence();
  }

  /** Publishes presence in its turn. The first presence of a connection waits for the subscriptions. */
  publishPresence(): void {
    if (!this.#isAnnounced) return;
    const { topics, presence, id } = this.#parts;
    this.#gate.request(`publish ${topics.presence}`, () =>
      presence.publish(this.#gate.link, id, (error) => {
        this.#answered(topics.presence, error);
        this.#onTested('publish', error && new ConnectError(error.message, 'NOT_ALLOWED'));
        if (!error) this.#renewLastWill();
      }),
    );
  }

  /** The present step of a test of credentials. */
  get step(): TestStep {
    return this.#isAnnounced ? 'publish' : 'subscribe';
  }

  /** After the end of the connection: the size of the largest message that the broker had not answered. */
  get largestUnanswered(): number {
    return this.#largestUnanswered;
  }

  /** Closes the connection with a DISCONNECT, so that the broker does not publish the last will. */
  close(): void {
    this.#isClosed = true;
    this.#session.close().catch(() => {});
  }

  /** Sends pending rows for up to `deadlineMs`, then publishes that the robot is offline and closes the connection. */
  async finish(deadlineMs: number): Promise<void> {
    const { presence, id } = this.#parts;
    await this.pump.finish(deadlineMs);
    // No presence may follow the goodbye, not even the first one of this connection.
    this.#subscriptions.stop();
    this.#gate.stop();
    await presence.publishOffline(this.#session, id);
  }

  #answered(topic: string, error: Error | undefined): void {
    this.#isAnswered = true;
    this.#parts.answers.record(topic, error);
  }

  /** Ends a connection without a last will: the broker takes presence, and so probably the last will too, which is on the same topic. */
  #renewLastWill(): void {
    const { renewAfterMs } = this.#parts;
    if (renewAfterMs !== undefined) this.#renewal ??= setTimeout(() => this.close(), renewAfterMs).unref();
  }

  /** Publishes presence once the broker has answered the subscriptions: the cloud sends receipts and commands at once. */
  #announce(): void {
    if (!this.#subscriptions.isSettled) return;
    this.#isAnnounced = true;
    this.publishPresence();
  }
}
