// `elderly-bot topics show`: shows a topic's type, its publishers and subscriptions with their QoS, the configured entries that use it, and
// the fields of its type. For a message type it shows only the fields.
import { present, print, wait } from '../../base/index.ts';
import { type Config, publicationsOf } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import { type EndpointInfo, fullName, isCompatible } from '../../ros/index.ts';
import { remark } from '../shared.ts';
import { discovered, type Observer, observe, similarTopic, type TopicOptions, usersOf } from './graph.ts';
import { definitionLines, requireType, type ShownField, shownFields } from './types.ts';

/** An endpoint in the output of `--json`. */
interface ShownEndpoint {
  readonly node: string;
  readonly type: string;
  readonly reliability: string;
  readonly durability: string;
}

interface ShownSubscription extends ShownEndpoint {
  /** The publishers from which it receives nothing, because their type or QoS does not suit it. */
  readonly unheard: readonly string[];
}

interface ShownType {
  readonly type: string;
  /** Null if the definition cannot be used. */
  readonly fields: readonly ShownField[] | null;
  readonly reason: string | null;
}

/** The output of `--json` for a topic. */
export interface ShownTopic {
  readonly topic: string;
  readonly types: readonly ShownType[];
  readonly publishers: readonly ShownEndpoint[];
  readonly subscriptions: readonly ShownSubscription[];
  readonly channels: readonly string[];
  readonly cameras: readonly string[];
  readonly commands: readonly string[];
}

const SETTLE_MS = 500;

const TYPE_NAME = /^[a-z]\w*\/(msg\/)?[A-Z]\w*$/;

/** @returns the exit code: 0, or 1 if no node publishes or subscribes to the topic. */
export async function show(options: TopicOptions & { readonly json: boolean }): Promise<number> {
  const { topic: name, json } = options;
  if (TYPE_NAME.test(name)) {
    const struct = requireType(name);
    const fields = shownFields(struct);
    await print(json ? JSON.stringify({ type: struct.name, fields }) : [struct.name, ...definitionLines(fields, '  ')]);
    return 0;
  }
  return observe(options, async (observer) => {
    const { ros, topic, signal } = observer;
    await discovered(signal, () => ros.publishersOf(topic).length > 0);
    // Endpoints of several nodes are discovered one after another.
    await wait(SETTLE_MS, signal);
    if (signal.aborted) return 130;
    const shown = shownTopic(observer);
    if (shown.types.length === 0) {
      remark(`no node publishes or subscribes to ${topic}${similarTopic(observer)}`);
      return 1;
    }
    await present(shown, json, describe);
    return 0;
  });
}

/** @returns the publishers that a node does not hear. @param subscriptions of the node: the agent has several for an alert channel. */
function unheardBy(subscriptions: readonly EndpointInfo[], publishers: readonly EndpointInfo[]): EndpointInfo[] {
  const isHeard = ({ type, qos }: EndpointInfo) =>
    subscriptions.some((subscription) => type === subscription.type && isCompatible(qos, subscription.qos));
  return publishers.filter((publisher) => !isHeard(publisher));
}

function shownTopic({ ros, config, topic }: Observer): ShownTopic {
  const publishers = ros.publishersOf(topic);
  const subscriptions = ros.subscriptionsOf(topic);
  const ofSameNode = (subscription: EndpointInfo) => subscriptions.filter((other) => fullName(other) === fullName(subscription));
  return {
    topic,
    types: [...new Set([...publishers, ...subscriptions].map(({ type }) => type))].map(shownType),
    publishers: publishers.map(shownEndpoint),
    subscriptions: subscriptions.map((subscription) => ({
      ...shownEndpoint(subscription),
      unheard: unheardBy(ofSameNode(subscription), publishers).map(fullName),
    })),
    channels: usersOf(config.channels, topic),
    cameras: usersOf(config.cameras, topic),
    commands: commandsOn(config, topic),
  };
}

/** @returns the names of the configured commands that publish on this topic. */
function commandsOn({ commands }: Pick<Config, 'commands'>, topic: string): string[] {
  return Object.entries(commands).flatMap(([name, command]) =>
    publicationsOf(command).some((publication) => publication.topic === topic) ? [name] : [],
  );
}

function shownEndpoint(endpoint: EndpointInfo): ShownEndpoint {
  return { node: fullName(endpoint), type: endpoint.type, ...endpoint.qos };
}

function shownType(type: string): ShownType {
  try {
    return { type, fields: shownFields(requireType(type)), reason: null };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { type, fields: null, reason: error.line };
  }
}

function describe({ topic, types, publishers, subscriptions, channels, cameras, commands }: ShownTopic): string[] {
  const isMixed = types.length > 1;
  const endpoint = ({ node, type, reliability, durability }: ShownEndpoint) =>
    `  ${node} (${reliability}, ${durability}${isMixed ? `, ${type}` : ''})`;
  const users = Object.entries({ channels, cameras, commands }).flatMap(([kind, names]) =>
    names.length === 0 ? [] : [`${kind}: ${names.join(', ')}`],
  );
  return [
    topic,
    ...section('publishers', publishers.map(endpoint)),
    ...section(
      'subscriptions',
      subscriptions.map((each) => endpoint(each) + (each.unheard.length === 0 ? '' : `; CANNOT HEAR ${each.unheard.join(', ')}`)),
    ),
    ...users,
    ...types.flatMap(({ type, fields, reason }) => [`type: ${type}`, ...(fields ? definitionLines(fields, '  ') : [`  ${reason}`])]),
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [`${title}: none`] : [`${title}:`, ...lines];
}
