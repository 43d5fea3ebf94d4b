// Selects the topics of the graph that a configuration may use, and finds the namespace of the robot.
import { isHidden } from '../config/index.ts';
import { type FoundTopic, hasWord, lastWordsOf } from './topic.ts';

/** Topics of ROS itself: logs, parameters, simulated time, transforms, the robot's model, and the life cycle of nodes. */
const OF_ROS = /^\/(rosout|parameter_events|clock)$|\/(tf|tf_static|robot_description|transition_event|bond)$/;

/** @param own topics to which the agent itself publishes commands. */
export function usableTopics(found: readonly FoundTopic[], own: ReadonlySet<string>): FoundTopic[] {
  return found.filter(({ topic }) => !isHidden(topic) && !OF_ROS.test(topic) && !own.has(topic));
}

/** Topics that nodes publish under one name for all robots. */
const isShared = hasWord('rosout|events|clock|tf|static|diagnostics|map');

/** Names of devices and places. A topic below such a name says nothing about a namespace of the robot. */
const isDevice = hasWord('camera|cam|oakd|realsense|sensors?|vision|lidar|laser|perception|detectors?|kitchen|home|house|room');

/** Topics that a robot has once, relative to its namespace. */
const ONCE = 'battery_state cmd_vel joint_states robot_description'.split(' ');
const TYPICAL = [...ONCE, ...'odom scan imu gas_detected fire_detected fall_detected stranger_detected jetson_temperature'.split(' ')];

/**
 * @param found all topics, including those of ROS.
 * @returns the namespaces of the robots, such as /robot1. Empty if the topics of the robot are in the root namespace.
 */
export function namespacesOf(found: readonly FoundTopic[]): string[] {
  const topics = found.map(({ topic }) => topic).filter((topic) => !isHidden(topic) && !isShared(lastWordsOf(topic)));
  const parts = [...new Set(topics.map((topic) => topic.split('/')[1] ?? ''))];
  const has = (part: string, name: string) => topics.includes(`/${part}/${name}`);
  if (ONCE.some((name) => topics.includes(`/${name}`))) return [];
  const robots = ONCE.map((name) => parts.filter((part) => has(part, name))).find((several) => several.length > 1);
  if (robots) return robots.map((part) => `/${part}`);
  const [part = ''] = parts;
  return parts.length === 1 && !isDevice(part) && TYPICAL.some((name) => has(part, name)) ? [`/${part}`] : [];
}

/** Keeps the topics of one robot, and those that all robots share. */
export function topicsIn(namespace: string, found: readonly FoundTopic[]): FoundTopic[] {
  return found.filter(({ topic }) => topic.startsWith(`${namespace}/`) || topic.lastIndexOf('/') === 0);
}
