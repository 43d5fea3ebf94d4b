// Uses one connection from its subscriptions to its end: publishes the presence, drains the outbox and makes requests.
import type { Topics } from '../wire/index.ts';
import { type Budget, Quota } from './limits.ts';
import type { UplinkOptions } from './options.ts';
import type { PresencePublisher } from './presence.ts';
import { Pump, type PumpOptions } from './pump.ts';
import { Requester } from './requests.ts';
import type { Link } from './session.ts';

export interface ConnectionParts
  extends Pick<UplinkOptions, 'thing' | 'outbox' | 'clock' | 'lifetime' | 'problems' | 'quota' | 'window' | 'ackTimeoutMs' | 'onAck'>,
    Pick<PumpOptions, 'onAnswer'> {
  readonly session: Link;
  /** The session's id in the presence. */
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

  constructor(parts: ConnectionParts) {
    const { session, id, presence, budget, problems, clock, lifetime, quota } = parts;
    this.#session = session;
    this.#id = id;
    this.#presence = presence;
    this.requester = new Requester(session);
    this.pump = new Pump({
      ...parts,
      boot: lifetime.boot,
      intervalMs: () => budget.intervalMs(),
      quota: new Quota(quota, clock.mono()),
      onSent: (bytes) => budget.spend(bytes),
      onPoison: (claim, error) =>
        problems.raise('message_refused', `rows ${claim.first} to ${claim.last} of ${claim.outbox.id}: ${error.message}`),
    });
  }

  /**
   * Runs until the connection ends. The signal cuts the connection.
   * @param onAcknowledged called when the broker acknowledged or refused the first presence.
   * @returns the reason for the end.
   */
  async serve(signal: AbortSignal, onAcknowledged: (error: Error | undefined) => void): Promise<Error | undefined> {
    this.#presence.publish(this.#session, this.#id, onAcknowledged);
    this.pump.start();
    const repeat = this.#presence.repeat(this.#session, this.#id);
    const cut = () => this.#session.drop();
    signal.addEventListener('abort', cut, { once: true });
    const reason = await this.#session.ended;
    signal.removeEventListener('abort', cut);
    repeat.stop();
    this.pump.stop();
    return reason;
  }

  /** Publishes the presence if the battery became low or is no longer low. */
  publishPower(): void {
    this.#presence.publishPower(this.#session, this.#id);
  }

  /** Closes the connection without a last will, so that another one can be opened. */
  close(): void {
    this.#session.close().catch(() => {});
  }

  /** Sends pending rows until the deadline, then publishes the offline presence and closes the connection. */
  async finish(deadlineMs: number): Promise<void> {
    await this.pump.finish(deadlineMs);
    await this.#presence.publishOffline(this.#session, this.#id);
  }
}
