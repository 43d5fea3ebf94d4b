// Starts the channels: passes each configured topic through its gate into the outbox, handles due times, and checks the ROS graph regularly.
// A channel with an error is disabled; the others run.

import { every } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { LoadedConfig } from '../../config/index.ts';
import type { NewRow, Outbox } from '../../outbox/index.ts';
import type { RosMessage, RosNode } from '../../ros/index.ts';
import { Channel, endedAlerts } from '../../sensing/index.ts';
import type { ChannelChanges, Problems, Status } from '../../status/index.ts';
import { Alarm } from './alarm.ts';
import { ChannelSubscription } from './subscription.ts';

export interface Channels {
  status(): Status['channels'];
  /** Applies the channels of another configuration: unchanged channels stay subscribed. */
  apply(next: LoadedConfig, changes: ChannelChanges): void;
  /** The latest reading of a channel and the age of its last message. */
  latestValue(name: string): { readonly value: unknown; readonly ageMs: number } | undefined;
  stop(): void;
}

export interface ChannelParts {
  readonly loaded: LoadedConfig;
  readonly ros: RosNode;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly problems: Problems;
  /** Called for each row after it is written. */
  readonly onRow: (row: NewRow) => void;
}

/**
 * How often the graph is checked in the first minute, when the nodes of the robot start, and later. An incompatible quality of service is
 * noticed by this check, with this delay: the event of DDS does not name the publisher.
 */
const LOOK_EVERY_MS = 1_000;
const EAGER_LOOKS = 60;
const LATER_EVERY_MS = 3_000;

/** Subscribes each channel. An alert that was raised when the agent ended is still raised. */
export function startChannels({ loaded, ros, outbox, clock, problems, onRow }: ChannelParts): Channels {
  let subscriptions: readonly ChannelSubscription[] = [];
  const alarm = new Alarm(
    () => clock.mono(),
    () => {
      for (const one of subscriptions) take(one, one.channel.elapse(clock.mono()));
    },
  );
  const write = (rows: readonly NewRow[]) => {
    for (const row of rows) {
      outbox.append(row);
      onRow(row);
    }
  };
  const reportSilence = ({ channel, whySilent }: ChannelSubscription) => {
    if (channel.silent) problems.raise('sensor_silent', `${channel.name}: ${whySilent}`, channel.name);
    else problems.clear('sensor_silent', channel.name);
  };
  const take = (one: ChannelSubscription, rows: readonly NewRow[]) => {
    const { channel } = one;
    write(rows);
    if (rows.length > 0) reportSilence(one);
    alarm.by(channel.dueMs);
  };
  const end = (one: ChannelSubscription) => {
    one.close();
    write(one.channel.end(clock.mono()));
  };
  let channelsNow: LoadedConfig['config']['channels'] = {};
  const start = ({ config, off, place }: LoadedConfig, names: readonly string[]) => {
    const disabled = off.flatMap(({ section, name }) => (section === 'channels' ? [name] : []));
    write(endedAlerts(outbox.lastAlerts(), channelsNow, config.channels, disabled));
    channelsNow = config.channels;
    const options = { standing: outbox.lastAlerts(), startMs: clock.mono() };
    const fresh = names.flatMap((name) => {
      const entry = config.channels[name];
      if (!entry) return [];
      const channel = new Channel(name, entry, options);
      const onMessage = (message: RosMessage) => take(one, channel.accept(message, clock.mono()));
      const one: ChannelSubscription = new ChannelSubscription({ channel, topic: entry.topic, ros, problems, place, onMessage });
      return [one];
    });
    for (const one of fresh) {
      one.look(clock.mono());
      // A channel that was silent when the agent ended is still silent.
      if (one.channel.silent) reportSilence(one);
      alarm.by(one.channel.dueMs);
    }
    return fresh;
  };
  for (const { section, name, text } of loaded.off) if (section !== 'cameras') problems.raise('channel_off', text, name);
  subscriptions = start(loaded, Object.keys(loaded.config.channels));
  let looks = 0;
  let looking = every(LOOK_EVERY_MS, look);
  function look(): void {
    for (const one of subscriptions) one.look(clock.mono());
    const isUnpublished = subscriptions.length > 0 && subscriptions.every(({ isPublished }) => !isPublished);
    if (isUnpublished) problems.raise('nothing_published', subscriptions.map(({ whySilent }) => whySilent).join('; '));
    else problems.clear('nothing_published');
    if (++looks !== EAGER_LOOKS) return;
    looking.stop();
    looking = every(LATER_EVERY_MS, look);
  }
  return {
    apply: (next, { added, removed, changed }) => {
      const gone = new Set([...removed, ...changed]);
      // End the old channels first: within one node a topic has one type.
      for (const one of subscriptions) if (gone.has(one.channel.name)) end(one);
      const kept = subscriptions.filter(({ channel }) => !gone.has(channel.name));
      for (const { name } of loaded.off) problems.clear('channel_off', name);
      subscriptions = [...kept, ...start(next, [...changed, ...added])];
    },
    status: () => subscriptions.map((one) => one.status(clock.mono())),
    latestValue: (name) => {
      const { value, age_ms: ageMs } = subscriptions.find(({ channel }) => channel.name === name)?.channel.status(clock.mono()) ?? {};
      return ageMs === undefined || ageMs === null ? undefined : { value, ageMs };
    },
    stop: () => {
      looking.stop();
      for (const one of subscriptions) end(one);
      alarm.stop();
    },
  };
}
