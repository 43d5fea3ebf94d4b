// Lists the topics of the ROS graph that have a publisher.
import { namedPublishers } from './names.ts';
import type { EndpointInfo, RosNode } from './types.ts';

export interface PublishedTopic {
  readonly topic: string;
  /** The types of its publishers. */
  readonly types: readonly string[];
  /** Its publishers. `node` is a full name. */
  readonly publishers: readonly EndpointInfo[];
}

/** Topics that ROS creates for every node. */
const STANDARD_TOPICS: readonly string[] = ['/rosout', '/parameter_events'];

/** @param isOwn whether a node, given by its full name, is left out. @returns topics in alphabetical order, without the standard topics */
export function publishedTopics(
  ros: Pick<RosNode, 'topics' | 'publishersOf'>,
  isOwn: (node: string) => boolean = () => false,
): PublishedTopic[] {
  return ros
    .topics()
    .filter(({ topic }) => !STANDARD_TOPICS.includes(topic))
    .map(({ topic }) => ({ topic, publishers: namedPublishers(ros, topic).filter(({ node }) => !isOwn(node)) }))
    .filter(({ publishers }) => publishers.length > 0)
    .map(({ topic, publishers }) => ({ topic, publishers, types: [...new Set(publishers.map(({ type }) => type))] }))
    .sort((a, b) => a.topic.localeCompare(b.topic));
}
