// Subscribes to the topics of commands and receipts, each for itself, so that a refusal of one does not concern the other. Tries again with
// backoff while the broker refuses. A connection without subscriptions still carries every row.
import { type BackoffLimits, backoffMs } from '../base/index.ts';
import { isUnanswered } from './connectError.ts';
import type { Gate } from './gate.ts';
import { WAIT_MS } from './lanes.ts';
import { isRefusedSubscription } from './session.ts';

export interface SubscriptionsOptions {
  readonly gate: Gate;
  readonly topics: readonly string[];
  readonly backoff: BackoffLimits;
  /** Called for each of the broker's answers: the topic is subscribed if `error` is undefined, otherwise refused. */
  readonly onAnswer: (topic: string, error: Error | undefined) => void;
}

export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  /** How often the broker refused a topic, for each topic that it has answered. */
  readonly #refusals = new Map<string, number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isStopped = false;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  start(): void {
    for (const topic of this.#options.topics) this.#request(topic);
  }

  /** Whether the broker has answered each subscription that may be tried now. */
  get isSettled(): boolean {
    const { topics, gate } = this.#options;
    return topics.every((topic) => this.#refusals.has(topic) || gate.turn(`subscribe ${topic}`) === 'held');
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #request(topic: string): void {
    this.#options.gate.request(`subscribe ${topic}`, () => void this.#subscribe(topic));
  }

  async #subscribe(topic: string): Promise<void> {
    const { gate, onAnswer } = this.#options;
    try {
      await gate.link.subscribe([topic]);
      this.#refusals.set(topic, 0);
      onAnswer(topic, undefined);
    } catch (error) {
      if (isUnanswered(error)) gate.link.drop(error);
      // Any other error is the end of the connection.
      if (this.#isStopped || !isRefusedSubscription(error)) return;
      this.#tryLater(topic);
      onAnswer(topic, error);
    }
  }

  #tryLater(topic: string): void {
    const refusals = (this.#refusals.get(topic) ?? 0) + 1;
    this.#refusals.set(topic, refusals);
    const { backoff } = this.#options;
    const waitMs = backoffMs(refusals, { ...backoff, maxMs: Math.min(backoff.maxMs, WAIT_MS) }, Math.random());
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#request(topic);
    }, waitMs).unref();
    this.#timers.add(timer);
  }
}
