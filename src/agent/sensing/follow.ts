// Follows one topic while its publishers change: subscribes with a matching type and quality of service, and again when the publishers
// change. For topics that are not channels: cameras and privacy.
import { AgentError } from '../../errors.ts';
import { fullName, type RosNode, type RosSubscription, type SubscribeOptions } from '../../ros/index.ts';
import { isSame, match, type Wanted } from '../../sensing/index.ts';

export interface FollowOptions extends Pick<SubscribeOptions, 'everyMs' | 'onMessage' | 'onError'> {
  readonly ros: RosNode;
  /** Absolute. */
  readonly topic: string;
  /** Left out: the published type. */
  readonly type?: string | undefined;
  /** The accepted types. */
  readonly types: readonly string[];
  /** Samples that DDS keeps while the agent is busy. */
  readonly depth: number;
  /** Receives the reason why the topic cannot be read, as a sentence; undefined if it can be read or has no publisher. */
  readonly onTrouble: (what: string | undefined) => void;
}

export class Follow {
  readonly #options: FollowOptions;
  #wanted: Wanted | undefined;
  #subscription: RosSubscription | undefined;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  /** Compares the publishers with the subscription. Cheap; called regularly. */
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

  /** @returns the reason of a failure. */
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
