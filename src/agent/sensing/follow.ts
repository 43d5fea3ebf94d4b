// Follows one topic as its publishers change: subscribed with what fits them, and again when they are others. For what is no channel:
// cameras, and what tells of privacy.
import { AgentError } from '../../errors.ts';
import { fullName, type RosNode, type RosSubscription, type SubscribeOptions } from '../../ros/index.ts';
import { isSame, match, type Wanted } from '../../sensing/index.ts';

export interface FollowOptions extends Pick<SubscribeOptions, 'everyMs' | 'onMessage' | 'onError'> {
  readonly ros: RosNode;
  /** Absolute. */
  readonly topic: string;
  /** Left out: what is published. */
  readonly type?: string | undefined;
  /** What is understood. */
  readonly types: readonly string[];
  /** Samples that DDS keeps while the agent is busy. */
  readonly depth: number;
  /** Why it can't be latestValue, one sentence; undefined when it can, or nobody publishes. */
  readonly onTrouble: (what: string | undefined) => void;
}

export class Follow {
  readonly #options: FollowOptions;
  #wanted: Wanted | undefined;
  #subscription: RosSubscription | undefined;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  /** Compares what is published with what is subscribed. Cheap; called again and again. */
  look(): void {
    const { ros, topic, type, types, onTrouble } = this.#options;
    const offers = ros.publishersOf(topic).map((endpoint) => ({ ...endpoint, node: fullName(endpoint) }));
    const { wanted, types: strange, qos } = match({ type, qos: 'auto' }, offers);
    if (wanted && !types.includes(wanted.type)) {
      onTrouble(`${wanted.type} is published on ${topic}, expected ${types.join(' or ')}`);
      return;
    }
    if (wanted === undefined || (this.#subscription && isSame(wanted, this.#wanted))) {
      onTrouble(strange ?? qos);
      return;
    }
    this.close();
    this.#wanted = wanted;
    onTrouble(this.#subscribe(wanted) ?? strange ?? qos);
  }

  close(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
  }

  /** @returns why not. */
  #subscribe({ type, qos }: Wanted): string | undefined {
    const { ros, topic, depth, everyMs, onMessage, onError } = this.#options;
    try {
      this.#subscription = ros.subscribe({
        topic,
        type,
        qos: { ...qos, depth },
        onMessage,
        ...(onError ? { onError } : {}),
        ...(everyMs === undefined ? {} : { everyMs }),
      });
      return undefined;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      return error.line;
    }
  }
}
