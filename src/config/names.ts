// Expands and remaps ROS names of the node and its topics, as rcl does (design.ros2.org, remapping names; a test compares with rcl).
// A loaded configuration has only final names, so guard, doctor and `topics`, which have nodes of their own, use the agent's topics. Pure.
import type { Config } from './schema.ts';

type Ros = Pick<Config['ros'], 'node_name' | 'namespace' | 'remap'>;

export interface RosNames {
  readonly nodeName: string;
  readonly namespace: string;
  /** The absolute name of a topic that is absolute, relative to the namespace, or starts with `~/` for the node's own namespace. */
  topic(written: string): string;
}

interface Rule {
  /** Applies only to the node of this name; undefined: to every node. */
  readonly node: string | undefined;
  readonly from: string;
  readonly to: string;
}

/** The first matching rule counts, and no rule applies to its result. */
export function rosNames({ node_name: given, namespace: givenNamespace, remap }: Ros): RosNames {
  const rules = Object.entries(remap).map(([from, to]) => ruleOf(from, to));
  const first = (matches: (from: string) => boolean, node: string) =>
    rules.find((rule) => matches(rule.from) && (rule.node === undefined || rule.node === node))?.to;
  const nodeName = first((from) => from === '__node' || from === '__name', given) ?? given;
  const namespace = first((from) => from === '__ns', nodeName) ?? givenNamespace;
  const absolute = (topic: string) => absoluteTopic(topic, namespace, nodeName);
  return {
    nodeName,
    namespace,
    topic: (written) => {
      const name = absolute(written);
      return absolute(first((from) => !from.startsWith('__') && absolute(from) === name, nodeName) ?? name);
    },
  };
}

/** The configuration with final ROS names. */
export function withRosNames(config: Config): Config {
  const names = rosNames(config.ros);
  const named = <T extends { readonly topic: string }>(entry: T): T => ({ ...entry, topic: names.topic(entry.topic) });
  return {
    ...config,
    ros: { ...config.ros, node_name: names.nodeName, namespace: names.namespace },
    channels: mapped(config.channels, named),
    cameras: mapped(config.cameras, (camera) => {
      const { privacy_topic: privacy } = camera;
      return privacy === undefined ? named(camera) : { ...named(camera), privacy_topic: names.topic(privacy) };
    }),
    commands: mapped(config.commands, ({ topic, confirm, ...rest }) => ({
      ...rest,
      also: rest.also.map(named),
      ...(topic === undefined ? {} : { topic: names.topic(topic) }),
      ...(confirm === undefined ? {} : { confirm: named(confirm) }),
    })),
  };
}

function mapped<T>(entries: Readonly<Record<string, T>>, change: (entry: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, change(entry)]));
}

/** Parses `from` or `node:from`. The prefix `rostopic://` adds nothing here, since only topics are remapped. */
function ruleOf(written: string, to: string): Rule {
  const [, node, from = ''] = /^(?:([^:/]+):(?!\/\/))?(?:rostopic:\/\/)?(.*)$/.exec(written) ?? [];
  return { node, from, to };
}

/** Expansion by rcl's rules (design.ros2.org, topic names): `/` is absolute, `~/` starts with the node's name, any other name is in the namespace. */
function absoluteTopic(topic: string, namespace: string, nodeName: string): string {
  if (topic.startsWith('/')) return topic;
  const base = namespace === '/' ? '' : namespace;
  return topic.startsWith('~/') ? `${base}/${nodeName}${topic.slice(1)}` : `${base}/${topic}`;
}
