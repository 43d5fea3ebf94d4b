// Names as ROS has them: the node's own and those of its topics, expanded and sent through the robot's remapping rules as rcl does it
// (design.ros2.org, remapping names; a test compares with rcl itself). What is loaded has only such names: nobody asks again, and the
// guard, the doctor and `topics`, which have nodes of their own, mean the same topics as the agent. Pure.
import type { Config } from './schema.ts';

type Ros = Pick<Config['ros'], 'node_name' | 'namespace' | 'remap'>;

export interface RosNames {
  readonly nodeName: string;
  readonly namespace: string;
  /** The absolute name of a topic that is written absolute, relative to the namespace, or with `~/` for the node's own. */
  topic(written: string): string;
}

interface Rule {
  /** Only for the node of this name. */
  readonly node: string | undefined;
  readonly from: string;
  readonly to: string;
}

/** Of several rules that fit, the first counts, and what it gives is not looked at again. */
export function rosNames({ node_name: given, namespace: givenNamespace, remap }: Ros): RosNames {
  const rules = Object.entries(remap).map(([from, to]) => ruleOf(from, to));
  const first = (isMeant: (from: string) => boolean, node: string) =>
    rules.find((rule) => isMeant(rule.from) && (rule.node === undefined || rule.node === node))?.to;
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

/** The configuration with the names that ROS has in the end. */
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

function mapped<T>(entries: Readonly<Record<string, T>>, of: (entry: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, of(entry)]));
}

/** `from`, or `node:from`; `rostopic://` says what is meant here anyway. */
function ruleOf(written: string, to: string): Rule {
  const [, node, from = ''] = /^(?:([^:/]+):(?!\/\/))?(?:rostopic:\/\/)?(.*)$/.exec(written) ?? [];
  return { node, from, to };
}

/** As rcl expands it (design.ros2.org, topic names): `/` is absolute, `~/` begins with the node's name, anything else is in the namespace. */
function absoluteTopic(topic: string, namespace: string, nodeName: string): string {
  if (topic.startsWith('/')) return topic;
  const base = namespace === '/' ? '' : namespace;
  return topic.startsWith('~/') ? `${base}/${nodeName}${topic.slice(1)}` : `${base}/${topic}`;
}
