// Says what may be wrong if a configured topic has no publisher: the ROS domain, or the name of the topic.
import { type Config, isOwnNode } from '../../config/index.ts';
import { domainText, type PublishedTopic, publishedTopics, type RosNode, resolveDomainId } from '../../ros/index.ts';
import { didYouMean } from '../../sensing/index.ts';

/** A graph of hundreds of topics takes milliseconds to list, and the reasons of all channels are asked for at once. */
const LISTED_EVERY_MS = 10_000;

export class TopicHints {
  readonly #ros: RosNode;
  readonly #now: () => number;
  #listed: { readonly atMs: number; readonly topics: readonly PublishedTopic[] } | undefined;

  /** @param now returns monotonic milliseconds. */
  constructor(ros: RosNode, now: () => number) {
    this.#ros = ros;
    this.#now = now;
  }

  /** @returns a question that names the topic that a channel probably means; undefined if none fits. */
  meant(config: Config, channel: string): string | undefined {
    return didYouMean(config, this.#topics(config)).channel(channel);
  }

  /** @returns a sentence if no other node publishes anything. */
  nothing(config: Config): string | undefined {
    if (this.#topics(config).length > 0) return undefined;
    return `no topic at all is published in ${domainText(resolveDomainId(config.ros.domain_id, process.env.ROS_DOMAIN_ID))}`;
  }

  #topics({ ros }: Config): readonly PublishedTopic[] {
    const nowMs = this.#now();
    if (this.#listed === undefined || nowMs - this.#listed.atMs >= LISTED_EVERY_MS) {
      this.#listed = { atMs: nowMs, topics: publishedTopics(this.#ros, (node) => isOwnNode(node, ros)) };
    }
    return this.#listed.topics;
  }
}
