// The way in: each configured channel's ROS topic through its gate into the outbox, what becomes due by itself, and a look at the
// graph from time to time. An entry that is wrong disables itself; the rest runs.
import { type Clock, every } from '../clock/index.ts';
import type { LoadedConfig } from '../config/index.ts';
import type { NewRow, Outbox } from '../outbox/index.ts';
import { absoluteTopic, type RosNode } from '../ros/index.ts';
import { Channel } from '../sensing/index.ts';
import type { Problems, Status } from '../status/index.ts';
import { Alarm } from './alarm.ts';
import { ChannelSubscription } from './subscription.ts';

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

/** How often the graph is looked at in the first minute, when the robot's nodes come up, and later. */
const LOOK_EVERY_MS = 1_000;
const EAGER_LOOKS = 60;
const LATER_EVERY_MS = 3_000;

/** Subscribes every channel. An alert that stood when the agent ended still stands. */
export function startChannels({ loaded, ros, outbox, clock, problems }: ChannelParts): Channels {
  const { config, place, off } = loaded;
  const options = { standing: outbox.lastAlerts(), startMs: clock.mono() };
  const alarm = new Alarm(
    () => clock.mono(),
    () => {
      for (const one of subscriptions) take(one, one.channel.elapse(clock.mono()));
    },
  );
  const take = ({ channel, whySilent }: ChannelSubscription, rows: readonly NewRow[]) => {
    for (const row of rows) outbox.append(row);
    if (rows.length > 0) {
      if (channel.silent) problems.raise('sensor_silent', `${channel.name}: ${whySilent}`, channel.name);
      else problems.clear('sensor_silent', channel.name);
    }
    alarm.by(channel.dueMs);
  };
  const subscriptions = Object.entries(config.channels).map(([name, entry]) => {
    const channel = new Channel(name, entry, options);
    const topic = absoluteTopic(entry.topic, config.ros.namespace, config.ros.node_name);
    const one: ChannelSubscription = new ChannelSubscription({
      channel,
      topic,
      ros,
      problems,
      place,
      onMessage: (message) => take(one, channel.accept(message, clock.mono())),
    });
    return one;
  });
  for (const { name, text } of off) problems.raise('channel_off', text, name);
  for (const one of subscriptions) {
    one.look();
    alarm.by(one.channel.dueMs);
  }
  let looks = 0;
  let looking = every(LOOK_EVERY_MS, look);
  function look(): void {
    for (const one of subscriptions) one.look();
    if (++looks !== EAGER_LOOKS) return;
    looking.stop();
    looking = every(LATER_EVERY_MS, look);
  }
  return {
    status: () => subscriptions.map((one) => one.status(clock.mono())),
    heard: (name) => {
      const { value, age_ms: ageMs } = subscriptions.find(({ channel }) => channel.name === name)?.channel.status(clock.mono()) ?? {};
      return ageMs === undefined || ageMs === null ? undefined : { value, ageMs };
    },
    stop: () => {
      looking.stop();
      alarm.stop();
      for (const one of subscriptions) one.close();
    },
  };
}
