// Expands and remaps the names of the node and its topics as rcl does (design.ros2.org, remapping names; a test compares the two). A loaded
// configuration contains only final names, so that the guard, the doctor and `topics` use the agent's topics even though their own nodes
// have other names. Pure functions.
import type { Remap } from './ros.ts';
import type { Config } from './schema.ts';

/** The keys of the section `ros` that decide names. The schema uses them too, so this type cannot be derived from the schema. */
interface Ros {
  readonly node_name: string;
  readonly namespace: string;
  readonly remap: Remap;
}

export interface RosNames {
  readonly nodeName: string;
  readonly namespace: string;
  /** Returns the final, absolute name of a topic, which may be absolute, relative to the namespace, or relative to the node (`~/`). */
  topic(written: string): string;
}

interface Rule {
  /** The name of the only node that the rule applies to; undefined for all nodes. */
  readonly node: string | undefined;
  readonly from: string;
  readonly to: string;
}

/** Applies to each name only the first rule that matches, as rcl does. */
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

/** Nodes of commands that only look at the graph. `simulate` and `topics pub` are not among them: they publish in place of a robot. */
const LOOKERS = ['elderly_bot_doctor', 'elderly_bot_topics', 'elderly_bot_init'];

/** Whether a node, given by its full name, belongs to this program: then it does not show that the robot's own nodes run. */
export function isOwnNode(node: string, { node_name: name, namespace }: Omit<Ros, 'remap'>): boolean {
  const base = namespace === '/' ? '' : namespace;
  const agents = ['', '_cameras', '_guard'].map((suffix) => `${base}/${name}${suffix}`);
  return agents.includes(node) || LOOKERS.some((looker) => node.endsWith(`/${looker}`));
}

/** Replaces the ROS names in a configuration with their final form. */
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
    reflex: config.reflex && { ...named(config.reflex), also: config.reflex.also.map(named) },
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

/** Parses a rule whose left side is `from` or `node:from`. Ignores the prefix `rostopic://`, because all rules are for topics anyway. */
function ruleOf(written: string, to: string): Rule {
  const [, node, from = ''] = /^(?:([^:/]+):(?!\/\/))?(?:rostopic:\/\/)?(.*)$/.exec(written) ?? [];
  return { node, from, to };
}

/** Expands a topic to an absolute name as rcl does (design.ros2.org, topic names). `~/` stands for the node's own namespace. */
function absoluteTopic(topic: string, namespace: string, nodeName: string): string {
  if (topic.startsWith('/')) return topic;
  const base = namespace === '/' ? '' : namespace;
  return topic.startsWith('~/') ? `${base}/${nodeName}${topic.slice(1)}` : `${base}/${topic}`;
}
