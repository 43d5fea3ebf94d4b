// The rights to add after a refusal: a statement for an AWS IoT policy, and lines for a Mosquitto ACL. Pure.

export type Right = 'publish' | 'subscribe';

/**
 * In IoT a subscription needs two rights: to subscribe to the filter, and to receive from the topic.
 * @param host the broker's host name; an endpoint of AWS IoT Core contains the region.
 */
export function policyStatement(right: Right, topics: readonly string[], host: string): string {
  const region = regionOf(host) ?? 'REGION';
  const arns = (kind: string) => topics.map((topic) => `arn:aws:iot:${region}:ACCOUNT:${kind}/${topic}`);
  const statements =
    right === 'publish'
      ? [{ Effect: 'Allow', Action: 'iot:Publish', Resource: arns('topic') }]
      : [
          { Effect: 'Allow', Action: 'iot:Subscribe', Resource: arns('topicfilter') },
          { Effect: 'Allow', Action: 'iot:Receive', Resource: arns('topic') },
        ];
  return statements.map((statement) => JSON.stringify(statement)).join(',');
}

export function aclLines(right: Right, topics: readonly string[], user: string): string {
  return [`user ${user}`, ...topics.map((topic) => `topic ${right === 'publish' ? 'write' : 'read'} ${topic}`)].join('\n');
}

function regionOf(host: string): string | undefined {
  return /\.iot\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$/.exec(host)?.[1];
}
