// Checks topic names, type names, node names and domain ids against the rules of ROS 2. `checkTopicName` and `checkTypeName` return the
// problem as a sentence, or undefined. Sources: design.ros2.org/articles/topic_and_service_names.html, and REP 149 for package names.
import { AgentError } from '../errors.ts';
import type { EndpointInfo, RosNode, RosNodeOptions } from './types.ts';

const TOKEN = /^[A-Za-z_][A-Za-z0-9_]*$/;
const PACKAGE = /^[a-z][a-z0-9_]*$/;
const MESSAGE = /^[A-Z][A-Za-z0-9]*$/;

/** rmw's limit on a full topic name, minus the prefix `rt` that the topic gets in DDS (rmw/validate_full_topic_name.h). */
const MAX_TOPIC_CHARACTERS = 245;

/** The highest ROS_DOMAIN_ID whose UDP ports are all below 65536 (docs.ros.org, The ROS_DOMAIN_ID). */
export const MAX_DOMAIN_ID = 232;

export function checkTopicName(name: string): string | undefined {
  if (!name.startsWith('/')) return `${quote(name)} is not absolute, expected a name such as /gas_detected`;
  if (name.length > MAX_TOPIC_CHARACTERS) return `${quote(name)} is longer than ${MAX_TOPIC_CHARACTERS} characters`;
  if (name.includes('__')) return `${quote(name)} has two underscores in a row, which ROS reserves`;
  const bad = name
    .slice(1)
    .split('/')
    .find((token) => !TOKEN.test(token));
  if (bad === undefined) return undefined;
  if (bad === '') return `${quote(name)} has an empty part, expected a name such as /robot/gas_detected`;
  return `${quote(name)}: ${quote(bad)} may have only letters, digits and _, and must not start with a digit`;
}

export function checkTypeName(type: string): string | undefined {
  const parts = type.split('/');
  const [pkg, middle, name] = parts.length === 2 ? [parts[0], 'msg', parts[1]] : parts;
  if (parts.length > 3 || pkg === undefined || name === undefined || !PACKAGE.test(pkg) || !MESSAGE.test(name)) {
    return `${quote(type)} is not a message type, expected a name such as std_msgs/msg/Bool`;
  }
  if (middle !== 'msg') return `${quote(type)} is of kind ${quote(middle ?? '')} and not a message, expected ${pkg}/msg/${name}`;
  return undefined;
}

export interface TypeName {
  readonly pkg: string;
  readonly name: string;
  /** The full form, such as `std_msgs/msg/Bool`. */
  readonly full: string;
}

/** @throws AgentError ROS_TYPE_UNKNOWN if the text is not a type name. */
export function parseTypeName(type: string): TypeName {
  const problem = checkTypeName(type);
  const parts = type.split('/');
  const [pkg, name] = [parts[0], parts.at(-1)];
  if (problem !== undefined || pkg === undefined || name === undefined) {
    throw new AgentError('ROS_TYPE_UNKNOWN', problem ?? type, { remedy: 'write PACKAGE/msg/NAME', fields: { type } });
  }
  return { pkg, name, full: `${pkg}/msg/${name}` };
}

/** @returns the full name of a node, such as `/robot/gas_sensor`. */
export function fullName({ node, namespace }: Pick<EndpointInfo, 'node' | 'namespace'>): string {
  return `${namespace === '/' ? '' : namespace}/${node}`;
}

/** The name that rmw gives to a node that is starting or shutting down. */
const UNNAMED = '_NODE_NAME_UNKNOWN_';

/** Whether the full name of a node is known. */
export function isNamed(node: string): boolean {
  return !node.endsWith(UNNAMED);
}

/** @returns the topic's publishers, each with the full name of its node. */
export function namedPublishers(ros: Pick<RosNode, 'publishersOf'>, topic: string): EndpointInfo[] {
  return ros.publishersOf(topic).map((endpoint) => ({ ...endpoint, node: fullName(endpoint) }));
}

/** Fast DDS allows one node to use a topic with only one type. @param other the type that the node already uses. */
export function secondType(topic: string, type: string, other: string): AgentError {
  return new AgentError('ROS_TOPIC_INVALID', `this node uses ${topic} as ${other} already and cannot use it as ${type} too`, {
    remedy: 'give all channels, cameras and commands of this topic the same type: DDS permits one type for each topic and node',
    fields: { topic, type },
  });
}

/** @throws AgentError ROS_TOPIC_INVALID */
export function requireTopicName(topic: string): string {
  const problem = checkTopicName(topic);
  if (problem === undefined) return topic;
  throw new AgentError('ROS_TOPIC_INVALID', `topic ${problem}`, { fields: { topic } });
}

/** @returns the DDS domain to join. @throws AgentError ROS_TOPIC_INVALID if the name or namespace is invalid, ROS_DOMAIN_INVALID */
export function requireNodeNames({ name, namespace = '/', domainId }: RosNodeOptions): number {
  const domain = resolveDomainId(domainId, process.env.ROS_DOMAIN_ID);
  if (!TOKEN.test(name)) {
    const expected = 'expected letters, digits and _, without a digit at the start';
    throw new AgentError('ROS_TOPIC_INVALID', `${quote(name)} is not a node name, ${expected}`);
  }
  if (namespace !== '/') requireTopicName(namespace);
  return domain;
}

/**
 * Chooses the DDS domain to join: the configured number, else ROS_DOMAIN_ID, else 0.
 * @throws AgentError ROS_DOMAIN_INVALID. An empty variable is invalid too, because it usually comes from a mistake in a script.
 */
export function resolveDomainId(configured: number | null | undefined, variable: string | undefined): number {
  const given = configured ?? variable;
  if (given === undefined) return 0;
  const domain = typeof given === 'number' ? given : /^\d{1,3}$/.test(given) ? Number(given) : Number.NaN;
  if (Number.isInteger(domain) && domain >= 0 && domain <= MAX_DOMAIN_ID) return domain;
  const source = configured === null || configured === undefined ? 'ROS_DOMAIN_ID' : 'ros.domain_id';
  throw new AgentError('ROS_DOMAIN_INVALID', `${source} is ${quote(String(given))}, expected a whole number from 0 to ${MAX_DOMAIN_ID}`, {
    remedy: source === 'ROS_DOMAIN_ID' ? 'set it to the number that the robot uses, or unset it for 0' : 'correct it in the configuration',
  });
}

function quote(text: string): string {
  return JSON.stringify(text);
}
