// The way in: each configured channel's ROS topic through its gate into the outbox.
import type { Clock } from '../clock/index.ts';
import type { LoadedConfig } from '../config/index.ts';
import { messageOf } from '../errors.ts';
import type { Outbox } from '../outbox/index.ts';
import type { RosMessage, RosNode } from '../ros/index.ts';
import { Channel } from '../sensing/index.ts';
import type { Problems, Status } from '../status/index.ts';
import { configured } from './configured.ts';

export interface Channels {
  status(): Status['channels'];
  /** A channel's latest reading, and how long ago its last message came. */
  heard(name: string): { readonly value: unknown; readonly ageMs: number } | undefined;
  stop(): void;
}

export interface ChannelParts {
  readonly loaded: LoadedConfig;
  readonly ros: RosNode;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly problems: Problems;
}

/** Subscribes every channel. An alert that stood when the agent ended still stands. @throws AgentError with the entry's place. */
export function startChannels({ loaded, ros, outbox, clock, problems }: ChannelParts): Channels {
  const standing = outbox.lastAlerts();
  const channels = Object.entries(loaded.config.channels).map(([name, config]) => new Channel(name, config, standing.get(name)));
  const subscriptions = channels.map((channel) => {
    const { topic, type, qos } = channel.config;
    const onMessage = (message: RosMessage) => {
      const row = channel.accept(message, clock.mono());
      if (row) outbox.append(row);
    };
    const onError = (error: Error) => problems.raise('channel_unreadable', `${channel.name} (${topic}): ${messageOf(error)}`, channel.name);
    const subscribe = () => ros.subscribe({ topic, type, qos, onMessage, onError });
    return configured(loaded.place, ['channels', channel.name, 'type'], subscribe);
  });
  return {
    status: () => channels.map((channel) => channel.status(clock.mono())),
    heard: (name) => {
      const { value, age_ms: ageMs } = channels.find((channel) => channel.name === name)?.status(clock.mono()) ?? {};
      return ageMs === undefined || ageMs === null ? undefined : { value, ageMs };
    },
    stop: () => {
      for (const subscription of subscriptions) subscription.close();
    },
  };
}
