// One connection in use, from its subscriptions to its end: publishes the presence, drains the outbox, makes requests.
import type { Topics } from '../wire/index.ts';
import { type Answer, Asker } from './asking.ts';
import type { Budget } from './budget.ts';
import type { UplinkOptions } from './options.ts';
import type { PresencePublisher } from './presence.ts';
import { Pump } from './pump.ts';
import { Quota } from './quota.ts';
import type { Link, Message } from './session.ts';
import type { TopicAnswers } from './topicAnswers.ts';

export interface ConnectionParts
  extends Pick<UplinkOptions, 'thing' | 'outbox' | 'clock' | 'lifetime' | 'problems' | 'quota' | 'window' | 'ackTimeoutMs' | 'onAck'> {
  readonly session: Link;
  /** The session's name in its presence. */
  readonly id: string;
  readonly topics: Topics;
  readonly budget: Budget;
  readonly answers: TopicAnswers;
  readonly presence: PresencePublisher;
}

export class Connection {
  readonly #session: Link;
  readonly #id: string;
  readonly #presence: PresencePublisher;
  readonly #pump: Pump;
  readonly #asker: Asker;

  constructor(parts: ConnectionParts) {
    const { session, id, presence, budget, answers, problems, clock, lifetime, quota } = parts;
    this.#session = session;
    this.#id = id;
    this.#presence = presence;
    this.#asker = new Asker(session);
    this.#pump = new Pump({
      ...parts,
      boot: lifetime.boot,
      intervalMs: () => budget.intervalMs(),
      quota: new Quota(quota, clock.mono()),
      onSent: (bytes) => budget.spend(bytes),
      onAnswer: (topic, error) => answers.note(topic, error),
      onPoison: (claim, error) =>
        problems.raise('message_refused', `rows ${claim.first} to ${claim.last} of ${claim.outbox.id}: ${error.message}`),
    });
  }

  /**
   * Runs until the connection ends or the signal cuts it. Resolves with the reason.
   * @param acknowledged called once the broker acknowledged or refused the first presence.
   */
  async serve(signal: AbortSignal, acknowledged: (error: Error | undefined) => void): Promise<Error | undefined> {
    this.#presence.say(this.#session, this.#id, acknowledged);
    this.#pump.start();
    const repeat = this.#presence.repeat(this.#session, this.#id);
    const cut = () => this.#session.drop();
    signal.addEventListener('abort', cut, { once: true });
    const reason = await this.#session.ended;
    signal.removeEventListener('abort', cut);
    repeat.stop();
    this.#pump.stop();
    return reason;
  }

  /** Something may be there to send. */
  wake(): void {
    this.#pump.wake();
  }

  /** @throws ConnectError if the broker refuses the request, or no answer comes in time. */
  ask(topic: string, body: object, timeoutMs: number): Promise<Answer> {
    return this.#asker.ask(topic, body, timeoutMs);
  }

  /** @returns whether the message is the answer to a question of this connection. */
  isAnswer(message: Message): boolean {
    return this.#asker.receive(message);
  }

  /** Publishes the presence again if the battery became low or is no longer low. */
  publishPower(): void {
    this.#presence.publishPower(this.#session, this.#id);
  }

  /** A clean end, so that another can be made. */
  close(): void {
    this.#session.close().catch(() => {});
  }

  /** Sends what is pending, says goodbye and closes; within the deadline in any case. */
  async finish(deadlineMs: number): Promise<void> {
    await this.#pump.finish(deadlineMs);
    await this.#presence.goodbye(this.#session, this.#id);
  }
}
