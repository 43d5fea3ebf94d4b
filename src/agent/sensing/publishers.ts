// The way out to ROS: the only topics a command can reach, and those on which the robot shows that one worked.

import { messageOf } from '../../base/index.ts';
import { type LoadedConfig, publicationsOf } from '../../config/index.ts';
import type { RosNode, RosPublisher } from '../../ros/index.ts';
import { fieldReader } from '../../sensing/index.ts';
import type { Problems } from '../../status/index.ts';
import { configured } from '../config/located.ts';

/**
 * Publishers exist from the start, so that subscribers are matched before the first command comes.
 * @returns for each command its publishers, in the order of its messages.
 * @throws AgentError with the entry's place.
 */
export function advertiseCommands({ config, place }: LoadedConfig, ros: RosNode): Map<string, RosPublisher[]> {
  const entries = Object.entries(config.commands).map(([name, command]) => {
    const publications = publicationsOf(command);
    const advertise = () => publications.map(({ topic, type, qos }) => ros.advertise(topic, type, qos));
    return [name, configured(place, ['commands', name, 'type'], advertise)] as const;
  });
  return new Map(entries);
}

export interface ConfirmationParts {
  readonly loaded: LoadedConfig;
  readonly ros: RosNode;
  readonly problems: Problems;
  readonly onConfirmation: (command: string, value: unknown) => void;
}

/** Subscribes what shows that a command worked. @throws AgentError with the entry's place. */
export function subscribeConfirmations({ loaded, ros, problems, onConfirmation }: ConfirmationParts): void {
  for (const [name, command] of Object.entries(loaded.config.commands)) {
    const { confirm } = command;
    const type = confirm?.type ?? command.type;
    if (!confirm || type === undefined) continue;
    const { topic, field, qos } = confirm;
    const read = fieldReader(field);
    configured(loaded.place, ['commands', name, 'confirm'], () =>
      ros.subscribe({
        topic,
        type,
        qos,
        onMessage: (message) => onConfirmation(name, read(message)),
        onError: (error) => problems.raise('channel_unreadable', `confirm of ${name} (${topic}): ${messageOf(error)}`, `confirm ${name}`),
      }),
    );
  }
}
