// Subscribes to a topic that is not a channel with the type and QoS that its publishers offer, and subscribes again if the publishers
// change.
import { AgentError } from '../../errors.ts';
import { isSame, match, namedPublishers, type RosNode, type RosSubscription, type SubscribeOptions, type Wanted } from '../../ros/index.ts';

export interface TopicOptions extends Pick<SubscribeOptions, 'everyMs' | 'onMessage' | 'onError'> {
  readonly ros: RosNode;
  /** An absolute topic name. */
  readonly topic: string;
  /** The message type. If undefined, the type that is published is used. */
  readonly type?: string | undefined;
  readonly acceptedTypes: readonly string[];
  /** How many samples DDS keeps while the agent is busy. */
  readonly depth: number;
  /** Called with a sentence that explains why the topic cannot be read, or with undefined if it can be read or has no publisher. */
  readonly onTrouble: (trouble: string | undefined) => void;
}

/** A subscription to a topic that is not a channel, such as a camera's images. */
export class TopicSubscription {
  readonly #options: TopicOptions;
  #wanted: Wanted | undefined;
  #subscription: RosSubscription | undefined;

  constructor(options: TopicOptions) {
    this.#options = options;
  }

  /** Compares the publishers with the subscription. Must be called regularly; each call is cheap. */
  checkPublishers(): void {
    const { ros, topic, type, acceptedTypes, onTrouble } = this.#options;
    const { wanted, types, qos } = match({ type, qos: 'auto' }, namedPublishers(ros, topic));
    if (wanted && !acceptedTypes.includes(wanted.type)) {
      onTrouble(`${wanted.type} is published on ${topic}, expected ${acceptedTypes.join(' or ')}`);
      return;
    }
    if (wanted === undefined || (this.#subscription && isSame(wanted, this.#wanted))) {
      onTrouble(types ?? qos);
      return;
    }
    this.close();
    this.#wanted = wanted;
    onTrouble(this.#subscribe(wanted) ?? types ?? qos);
  }

  close(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
  }

  /** @returns why subscribing failed, or undefined if it succeeded. */
  #subscribe({ type, qos }: Wanted): string | undefined {
    const { ros, topic, depth, everyMs, onMessage, onError } = this.#options;
    const optional = { ...(onError ? { onError } : {}), ...(everyMs === undefined ? {} : { everyMs }) };
    try {
      this.#subscription = ros.subscribe({ topic, type, qos: qos.map((each) => ({ ...each, depth })), onMessage, ...optional });
      return undefined;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      return error.line;
    }
  }
}
