// One connection at work, from its subscriptions to its end: says who is here, drains the outbox, asks questions.
import type { Topics } from '../wire/index.ts';
import { type Answer, Asker } from './asking.ts';
import type { Budget } from './budget.ts';
import type { Greeting } from './greeting.ts';
import type { UplinkOptions } from './options.ts';
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
  readonly greeting: Greeting;
}

export class Connection {
  readonly #session: Link;
  readonly #id: string;
  readonly #greeting: Greeting;
  readonly #pump: Pump;
  readonly #asker: Asker;

  constructor(parts: ConnectionParts) {
    const { session, id, greeting, budget, answers, problems, clock, lifetime, quota } = parts;
    this.#session = session;
    this.#id = id;
    this.#greeting = greeting;
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
   * Works until the connection is over or the signal cuts it; resolves with why it ended.
   * @param greeted its first message was acknowledged, or refused.
   */
  async serve(signal: AbortSignal, greeted: (error: Error | undefined) => void): Promise<Error | undefined> {
    this.#greeting.say(this.#session, this.#id, greeted);
    this.#pump.start();
    const repeat = this.#greeting.repeat(this.#session, this.#id);
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

  /** @throws ConnectError where it may not be asked, or no answer comes in time. */
  ask(topic: string, body: object, timeoutMs: number): Promise<Answer> {
    return this.#asker.ask(topic, body, timeoutMs);
  }

  /** @returns whether the message is the answer to a question of this connection. */
  isAnswer(message: Message): boolean {
    return this.#asker.receive(message);
  }

  /** Publishes the presence again if the battery became low or is no longer low. */
  publishPower(): void {
    this.#greeting.publishPower(this.#session, this.#id);
  }

  /** A clean end, so that another can be made. */
  close(): void {
    this.#session.close().catch(() => {});
  }

  /** Sends what is pending, says goodbye and closes; within the deadline in any case. */
  async finish(deadlineMs: number): Promise<void> {
    await this.#pump.finish(deadlineMs);
    await this.#greeting.goodbye(this.#session, this.#id);
  }
}
