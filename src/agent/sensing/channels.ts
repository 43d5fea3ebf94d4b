// Starts the channels: passes the messages of each topic through the channel's gate into the outbox, and regularly checks the publishers. A
// faulty channel is disabled while the others continue.
import { every } from '../../base/index.ts';
import type { LoadedConfig } from '../../config/index.ts';
import { channelErrors } from '../../configCheck/index.ts';
import type { NewRow } from '../../outbox/index.ts';
import type { RosMessage } from '../../ros/index.ts';
import { endedAlerts, LimitedChannel, leftOutAlerts, trueMeans } from '../../sensing/index.ts';
import type { ChannelChanges, Status } from '../../status/index.ts';
import { isNameOf } from '../../wire/index.ts';
import type { Parts } from '../lifecycle/parts.ts';
import { TopicHints } from './hints.ts';
import { ChannelSubscription } from './subscription.ts';

export interface Channels {
  status(): Status['channels'];
  /** Applies a new configuration's channels. Unchanged channels stay subscribed. */
  apply(next: LoadedConfig, changes: ChannelChanges): void;
  /** @returns the latest reading of a channel and the age of its last usable message; undefined before the first. */
  latestValue(name: string): { readonly value: unknown; readonly ageMs: number } | undefined;
  stop(): void;
}

export interface ChannelParts extends Pick<Parts, 'loaded' | 'ros' | 'outbox' | 'clock' | 'problems'> {
  readonly lifetime: Pick<Parts['lifetime'], 'percentTopics' | 'unheardChannels'>;
  /** Called with each row once it has been written. */
  readonly onRow: (row: NewRow) => void;
}

/**
 * How often publishers are checked: often in the first minute, while the robot's nodes start, and less often later. The checks cannot be
 * replaced by DDS' event for an incompatible QoS, because this event does not name the publisher.
 */
const FIRST_CHECKS_EVERY_MS = 1_000;
const FIRST_CHECKS = 60;
const LATER_CHECKS_EVERY_MS = 3_000;

/** Subscribes to all channels. An alert that was raised when the previous agent ended stays raised. */
export function startChannels({ loaded, ros, outbox, clock, lifetime, problems, onRow }: ChannelParts): Channels {
  let subscriptions: readonly ChannelSubscription[] = [];
  let current = loaded.config;
  outbox.limitLatest((name) => isNameOf(name, (channel) => channel in current.channels));
  const alarm = new Alarm(
    () => clock.mono(),
    () => {
      for (const subscription of subscriptions) report(subscription, subscription.limited.elapse(clock.mono()));
    },
  );
  const write = (rows: readonly NewRow[]) => {
    for (const row of rows) {
      outbox.append(row);
      onRow(row);
    }
  };
  const report = (subscription: ChannelSubscription, rows: readonly NewRow[]) => {
    write(rows);
    subscription.reportFaults();
    alarm.request(subscription.limited.dueMs);
  };
  const end = (subscription: ChannelSubscription) => {
    subscription.close();
    write(subscription.limited.end(clock.mono()));
  };
  const hints = new TopicHints(ros, () => clock.mono());
  const start = (next: LoadedConfig, names: readonly string[], before: LoadedConfig['config']['channels']) => {
    const { config, off, place } = next;
    const errors = channelErrors(next);
    const leftOut = off.filter(({ section }) => section === 'channels');
    const last = outbox.lastAlerts();
    write(endedAlerts(last, before, config.channels, leftOut));
    write(leftOutAlerts(last, leftOut));
    current = config;
    const { percentTopics, unheardChannels: unheard } = lifetime;
    const options = { standing: outbox.lastAlerts(), startMs: clock.mono(), percentTopics, unheard };
    const started = names.flatMap((name) => {
      const entry = config.channels[name];
      if (!entry) return [];
      const limited = new LimitedChannel(name, entry, options);
      const onMessage = (message: RosMessage) => report(subscription, limited.accept(message, clock.mono()));
      const onLate = (message: RosMessage) => report(subscription, limited.acceptLate(message, clock.mono()));
      const meant = () => hints.meant(current, name);
      const onUnreadable = (reason: string) => report(subscription, limited.reject(reason, clock.mono()));
      const contradiction = entry.class === 'alert' ? errors.get(name) : undefined;
      const parts = { limited, topic: entry.topic, ros, problems, place, contradiction, onMessage, onLate, onUnreadable, meant };
      const subscription: ChannelSubscription = new ChannelSubscription(parts);
      return [subscription];
    });
    for (const subscription of started) {
      subscription.checkPublishers(clock.mono());
      alarm.request(subscription.limited.dueMs);
    }
    return started;
  };
  for (const { section, name, text, isAlert } of loaded.off)
    if (section === 'channels' || section === 'commands') problems.raise('channel_off', text, name, isAlert ? 'critical' : undefined);
  subscriptions = start(loaded, Object.keys(loaded.config.channels), {});
  let checks = 0;
  let ticker = every(FIRST_CHECKS_EVERY_MS, check);
  function check(): void {
    for (const subscription of subscriptions) {
      subscription.checkPublishers(clock.mono());
      alarm.request(subscription.limited.dueMs);
    }
    const isUnpublished = subscriptions.length > 0 && subscriptions.every(({ isPublished }) => !isPublished);
    const reasons = isUnpublished ? [...subscriptions.map(({ silenceReason }) => silenceReason), hints.nothing(current) ?? []].flat() : [];
    problems.set('nothing_published', isUnpublished ? reasons.join('; ') : undefined);
    if (++checks !== FIRST_CHECKS) return;
    ticker.stop();
    ticker = every(LATER_CHECKS_EVERY_MS, check);
  }
  return {
    apply: (next, { added, removed, changed }) => {
      const ended = new Set([...removed, ...changed]);
      // End the old channels first, because one node can use a topic with only one type.
      for (const subscription of subscriptions) if (ended.has(subscription.channel.name)) end(subscription);
      const kept = subscriptions.filter(({ channel }) => !ended.has(channel.name));
      for (const { name } of loaded.off) problems.clear('channel_off', name);
      subscriptions = [...kept, ...start(next, [...changed, ...added], current.channels)];
    },
    status: () => subscriptions.map((subscription) => subscription.status(clock.mono())),
    latestValue: (name) => {
      const found = subscriptions.find(({ channel }) => channel.name === name);
      return found && latestOf(found, clock.mono());
    },
    stop: () => {
      ticker.stop();
      for (const subscription of subscriptions) end(subscription);
      alarm.stop();
    },
  };
}

/**
 * Most event detectors say nothing while nothing happens, so no message shows that an event has ended. Their boolean is known nevertheless:
 * it follows the alert, as long as the detector is there.
 */
function latestOf(subscription: ChannelSubscription, nowMs: number): ReturnType<Channels['latestValue']> {
  const { channel } = subscription;
  const { value, alert, health } = subscription.status(nowMs);
  const whenTrue = channel.config.event ? trueMeans(channel.config) : undefined;
  if (whenTrue !== undefined && (alert || (health === 'ok' && !channel.reportsCalm))) return { value: alert === whenTrue, ageMs: 0 };
  const ageMs = channel.usableAgeMs(nowMs);
  return ageMs === undefined ? undefined : { value, ageMs };
}

/** setTimeout's longest delay: 2^31 - 1 ms. */
const MAX_DELAY_MS = 2_147_483_647;

/**
 * One timer shared by all channels. It fires at the earliest requested time. If that request is no longer needed, this only costs an extra
 * check.
 */
class Alarm {
  readonly #now: () => number;
  readonly #onFire: () => void;
  #timer: NodeJS.Timeout | undefined;
  #atMs = 0;

  /** @param now returns monotonic milliseconds. @param onFire must request the next time. */
  constructor(now: () => number, onFire: () => void) {
    this.#now = now;
    this.#onFire = onFire;
  }

  /** @param atMs in monotonic milliseconds. If undefined, nothing happens. */
  request(atMs: number | undefined): void {
    if (atMs === undefined || (this.#timer && this.#atMs <= atMs)) return;
    clearTimeout(this.#timer);
    this.#atMs = atMs;
    const fire = () => {
      this.#timer = undefined;
      this.#onFire();
    };
    this.#timer = setTimeout(fire, Math.min(Math.max(1, atMs - this.#now()), MAX_DELAY_MS)).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
