// Receives every message of a topic with the type and QoS of its publishers, also if they come and go.
import { wait } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import {
  isSame,
  match,
  namedPublishers,
  type Offer,
  parseTypeName,
  type RosMessage,
  type RosSubscription,
  type Struct,
  type Wanted,
} from '../../ros/index.ts';
import { discovered, limited, type Observer, POLL_MS, Remarks, similarTopic } from './graph.ts';
import { requireType } from './types.ts';

export interface FollowOptions {
  /** The message type; undefined for the published one. */
  readonly type: string | undefined;
  /** Ends the reception. */
  readonly until: AbortSignal;
  /** Ends it too, so long after the publishers were discovered or found missing; undefined for no limit. */
  readonly forMs: number | undefined;
  /** Called before each subscription with the definition of its type. If it throws, the reception ends with that error. */
  onSubscribed?(struct: Struct): void;
  onMessage(message: RosMessage, size: number): void;
}

/** @throws AgentError ROS_TYPE_UNKNOWN; CONFIG_INVALID if several types are published and none is given */
export async function follow(observer: Observer, options: FollowOptions): Promise<void> {
  const { ros, topic } = observer;
  const type = options.type === undefined ? undefined : parseTypeName(options.type).full;
  const remarks = new Remarks();
  const subscription = new Subscription(observer, options, remarks);
  try {
    if (type !== undefined) subscription.check(type, []);
    await discovered(options.until, () => ros.publishersOf(topic).length > 0);
    const until = limited(options.until, options.forMs);
    let wasPublished = false;
    while (!until.aborted) {
      const offers = namedPublishers(ros, topic);
      if (offers.length > 0) subscription.check(type, offers);
      else remarkUnpublished(observer, remarks, wasPublished);
      wasPublished ||= offers.length > 0;
      await wait(POLL_MS, until);
    }
  } finally {
    subscription.close();
  }
}

function remarkUnpublished(observer: Observer, remarks: Remarks, wasPublished: boolean): void {
  const { topic } = observer;
  remarks.add(wasPublished ? `${topic} has no publisher any more` : `no node publishes ${topic} yet${similarTopic(observer)}`);
  remarks.add('waiting for a publisher; Ctrl-C ends');
}

class Subscription {
  readonly #observer: Observer;
  readonly #options: FollowOptions;
  readonly #remarks: Remarks;
  #wanted: Wanted | undefined;
  #subscription: RosSubscription | undefined;

  constructor(observer: Observer, options: FollowOptions, remarks: Remarks) {
    this.#observer = observer;
    this.#options = options;
    this.#remarks = remarks;
  }

  /** Subscribes, or subscribes again if the publishers offer something else. */
  check(given: string | undefined, offers: readonly Offer[]): void {
    const { wanted, types } = match({ type: given, qos: 'auto' }, offers);
    if (wanted === undefined) {
      const published = offers.map(({ node, type }) => `${node} publishes ${type}`).join(', ');
      throw new AgentError('CONFIG_INVALID', `${this.#observer.topic} has several types: ${published}`, {
        remedy: 'choose one with --type',
      });
    }
    if (types !== undefined) this.#remarks.add(`${this.#observer.topic}: ${types}`);
    if (this.#subscription !== undefined && isSame(wanted, this.#wanted)) return;
    this.close();
    this.#wanted = wanted;
    this.#subscribe(wanted);
  }

  close(): void {
    // Take the samples that are still waiting, because closing the subscription would drop them.
    this.#subscription?.poll();
    this.#subscription?.close();
    this.#subscription = undefined;
  }

  #subscribe({ type, qos }: Wanted): void {
    const { ros, topic } = this.#observer;
    const { onMessage, until } = this.#options;
    this.#options.onSubscribed?.(requireType(type));
    this.#subscription = ros.subscribe({
      topic,
      type,
      qos,
      onMessage: (message, size) => {
        if (!until.aborted) onMessage(message, size);
      },
      onError: (error) => this.#remarks.add(error instanceof AgentError ? error.line : error.message),
    });
  }
}
