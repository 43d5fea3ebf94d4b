// Serves one connection from its subscriptions to its end: publishes presence, drains the outbox and makes requests.
import type { Topics } from '../wire/index.ts';
import type { BrokerLimits } from './brokerLimits.ts';
import { isUnanswered, stoppedAnswering } from './connectError.ts';
import { type Budget, Quota } from './limits.ts';
import type { UplinkOptions } from './options.ts';
import type { PresencePublisher } from './presence.ts';
import { Pump, type PumpOptions } from './pump.ts';
import { Requester } from './requests.ts';
import type { Link } from './session.ts';

export interface ConnectionParts
  extends Pick<
      UplinkOptions,
      'thing' | 'outbox' | 'clock' | 'lifetime' | 'problems' | 'quota' | 'window' | 'ackTimeoutMs' | 'backoff' | 'onAck'
    >,
    Pick<PumpOptions, 'onAnswer' | 'alerts'> {
  readonly session: Link;
  /** The broker's limits, as far as they are known. */
  readonly limits: BrokerLimits;
  /** The session id, as published in presence. */
  readonly id: string;
  readonly topics: Topics;
  readonly budget: Budget;
  readonly presence: PresencePublisher;
}

export class Connection {
  readonly pump: Pump;
  readonly requester: Requester;
  readonly #session: Link;
  readonly #id: string;
  readonly #presence: PresencePublisher;
  #largestUnanswered = 0;
  /** Whether the broker has answered a message. If it stops then, the network is as likely a cause as the broker. */
  #isAnswered = false;

  constructor(parts: ConnectionParts) {
    const { session, id, presence, budget, problems, clock, lifetime, quota } = parts;
    this.#session = session;
    this.#id = id;
    this.#presence = presence;
    this.requester = new Requester(session);
    this.pump = new Pump({
      ...parts,
      onAnswer: (topic, error) => {
        this.#isAnswered = true;
        parts.onAnswer(topic, error);
      },
      boot: lifetime.boot,
      isMetered: session.path?.interface?.isMetered ?? false,
      intervalMs: () => budget.intervalMs(),
      quota: new Quota(quota, clock.mono()),
      onSent: (bytes) => budget.spend(bytes),
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
   * @param onAcknowledged called once the broker has acknowledged or refused the first presence.
   * @returns why the connection ended, if known.
   */
  async serve(signal: AbortSignal, onAcknowledged: (error: Error | undefined) => void): Promise<Error | undefined> {
    this.#presence.publish(this.#session, this.#id, (error) => {
      this.#isAnswered = true;
      onAcknowledged(error);
    });
    this.pump.start();
    const repeat = this.#presence.repeat(this.#session, this.#id);
    const cut = () => this.#session.drop();
    signal.addEventListener('abort', cut, { once: true });
    const reason = await this.#session.ended;
    signal.removeEventListener('abort', cut);
    repeat.stop();
    this.#largestUnanswered = this.pump.largestInFlight;
    this.pump.stop();
    return this.#isAnswered && isUnanswered(reason) ? stoppedAnswering(reason) : reason;
  }

  /** Publishes presence if the battery has become low or is no longer low. */
  publishPower(): void {
    this.#presence.publishPower(this.#session, this.#id);
  }

  publishPresence(): void {
    this.#presence.publish(this.#session, this.#id);
  }

  /** After the end of the connection: the size of the largest message that the broker had not answered. */
  get largestUnanswered(): number {
    return this.#largestUnanswered;
  }

  /** Closes the connection with a DISCONNECT, so that the broker does not publish the last will. */
  close(): void {
    this.#session.close().catch(() => {});
  }

  /** Sends pending rows for up to `deadlineMs`, then publishes that the robot is offline and closes the connection. */
  async finish(deadlineMs: number): Promise<void> {
    await this.pump.finish(deadlineMs);
    await this.#presence.publishOffline(this.#session, this.#id);
  }
}
