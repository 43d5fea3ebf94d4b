// The way out to ROS: the only topics a command can reach.
import type { LoadedConfig } from '../config/index.ts';
import type { RosNode, RosPublisher } from '../ros/index.ts';
import { configured } from './configured.ts';

/** Publishers exist from the start, so that whoever listens is matched before the first command comes. @throws AgentError with the entry's place. */
export function advertiseCommands({ config, place }: LoadedConfig, ros: RosNode): Map<string, RosPublisher> {
  return new Map(
    Object.entries(config.commands).map(([name, { topic, type, qos }]) => [
      name,
      configured(place, ['commands', name, 'type'], () => ros.advertise(topic, type, qos)),
    ]),
  );
}
