// Helpers of the commands for one topic: they resolve its name, start a node, and find out who publishes it.
import { wait } from '../../base/index.ts';
import { type Config, loadConfig, type Remap, rosNames } from '../../config/index.ts';
import { publishedTopics, type RosNode, startRosNode } from '../../ros/index.ts';
import { asQuestion, similarTopics } from '../../sensing/index.ts';
import { abortOn, remark } from '../shared.ts';

export interface TopicOptions {
  readonly config: string | undefined;
  /** As typed: absolute, or relative to the configured namespace. */
  readonly topic: string;
  readonly remap: Remap;
}

/** A node that looks at one topic. */
export interface Observer {
  readonly ros: RosNode;
  readonly config: Config;
  /** The absolute name. */
  readonly topic: string;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
}

export const POLL_MS = 100;

/** DDS usually discovers the other nodes in less than a second, on a busy machine in up to three (measured). */
export const DISCOVERY_MS = 3_000;

/** Runs `work` with a node in the configured domain and namespace. The node is stopped afterwards. @param name the name of the node */
export async function observe(
  { config: file, topic, remap }: TopicOptions,
  work: (observer: Observer) => Promise<number>,
  name = 'elderly_bot_topics',
): Promise<number> {
  const { config } = loadConfig(file, process.env, { leaveOut: true, remap });
  const { namespace, domain_id: domainId } = config.ros;
  const signal = abortOn('SIGINT', 'SIGTERM', 'SIGHUP');
  const ros = await startRosNode({ name, namespace, domainId });
  try {
    return await work({ ros, config, topic: absolute(topic, config), signal });
  } finally {
    await ros.stop();
  }
}

/** Only a relative name is expanded. An absolute name is what the person wants to see, so no remapping rule applies to it. */
function absolute(topic: string, { ros: { node_name, namespace } }: Config): string {
  return topic.startsWith('/') ? topic : rosNames({ node_name, namespace, remap: {} }).topic(topic);
}

/** Waits until `isThere` is true, at most for the time that DDS needs to discover other nodes. @returns the last value of `isThere` */
export async function discovered(signal: AbortSignal, isThere: () => boolean): Promise<boolean> {
  const untilMs = performance.now() + DISCOVERY_MS;
  while (!isThere() && performance.now() < untilMs && !signal.aborted) await wait(POLL_MS, signal);
  return isThere();
}

/** @returns a signal that aborts with the given one, and after `forMs` if that is defined. */
export function limited(signal: AbortSignal, forMs: number | undefined): AbortSignal {
  return forMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(forMs)]);
}

/** Prints each remark once: a command that waits looks at the graph again and again, and mostly finds the same. */
export class Remarks {
  readonly #made = new Set<string>();

  add(text: string): void {
    if (!this.#made.has(text)) remark(text);
    this.#made.add(text);
  }
}

/** @returns the names of the channels or cameras that use the topic. */
export function usersOf(entries: Readonly<Record<string, { readonly topic: string }>>, topic: string): string[] {
  return Object.entries(entries).flatMap(([name, entry]) => (entry.topic === topic ? [name] : []));
}

/** @returns `, did you mean /fall_detected, which /vision publishes?`, or an empty text if no published topic is similar. */
export function similarTopic({ ros, config, topic }: Pick<Observer, 'ros' | 'config' | 'topic'>): string {
  const published = publishedTopics(ros).filter((each) => each.topic !== topic);
  const typed = config.channels[topic.slice(topic.lastIndexOf('/') + 1)]?.topic;
  const named = published.filter((each) => each.topic === typed);
  const question = asQuestion(named.length > 0 ? named : similarTopics(topic, published));
  return question === undefined ? '' : `, ${question}`;
}
