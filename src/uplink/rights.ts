// Formats the right that a robot's certificate lacks, as a statement of an AWS IoT policy or as lines of a Mosquitto ACL file. Pure.
import { isIotCoreHost } from '../identity/index.ts';

export type Right = 'publish' | 'subscribe';

/** A right on a topic. */
export type TopicRight = `${Right} ${string}`;

export function partsOf(right: TopicRight): [Right, string] {
  const topic = right.slice(right.indexOf(' ') + 1);
  return [right.startsWith('publish') ? 'publish' : 'subscribe', topic];
}

/**
 * Formats the AWS IoT policy statement that grants a missing right. Subscribing takes two rights: to subscribe to the topic filter, and to
 * receive from the topic.
 * @param host the broker's host name; that of an IoT Core endpoint contains the region.
 */
export function policyStatement(right: Right, topics: readonly string[], host: string): string {
  const statement = (action: string, kind: string) =>
    JSON.stringify({ Effect: 'Allow', Action: `iot:${action}`, Resource: topics.map((topic) => resource(kind, topic, host)) });
  return right === 'publish' ? statement('Publish', 'topic') : `${statement('Subscribe', 'topicfilter')},${statement('Receive', 'topic')}`;
}

/** Formats the lines that grant a missing right in a Mosquitto ACL file. */
export function aclLines(right: Right, topics: readonly string[], user: string): string {
  return [`user ${user}`, ...topics.map((topic) => aclLine(right, topic))].join('\n');
}

/** Says in one line how to grant a missing right. */
export function grantOf(right: Right, topic: string, host: string, user: string): string {
  if (!isIotCoreHost(host)) return `add to the broker’s ACL, for user ${user}: \`${aclLine(right, topic)}\``;
  const published = resource('topic', topic, host);
  const actions =
    right === 'publish'
      ? `iot:Publish on ${published}`
      : `iot:Subscribe on ${resource('topicfilter', topic, host)} and iot:Receive on ${published}`;
  return `grant ${actions} in the IoT policy of the certificate`;
}

function resource(kind: string, topic: string, host: string): string {
  const region = /\.iot\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$/.exec(host)?.[1] ?? 'REGION';
  return `arn:aws:iot:${region}:ACCOUNT:${kind}/${topic}`;
}

function aclLine(right: Right, topic: string): string {
  return `topic ${right === 'publish' ? 'write' : 'read'} ${topic}`;
}
