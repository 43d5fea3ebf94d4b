// The schema of the reflex: the ROS messages that the agent publishes by itself if the cloud does not confirm an alert in time. It must
// refuse messages that could move the robot, and topics that the agent itself reads. No command can name these messages.
import * as z from 'zod';
import { channelName, SILENT_SUFFIX, UNUSABLE_SUFFIX } from '../wire/index.ts';
import type { CameraConfig } from './camera.ts';
import type { ChannelConfig } from './channel.ts';
import { type CommandConfig, message, moverOf, namesIn, publication } from './commands.ts';
import { nearest } from './nearest.ts';
import { durationBetween, type Fault } from './values.ts';

const announcement = publication.extend({
  /** Published on the same topic once the cloud has confirmed an announced alert, such as false for a siren. */
  message_confirmed: message.optional(),
  /** Published on the same topic if all announced alerts have ended before the cloud confirmed one. */
  message_cleared: message.optional(),
});
export type Announcement = z.infer<typeof announcement>;

const EXPECTED_CHANNELS = 'expected all, or a list of alerts such as [fall, fire]';

export const reflex = announcement.extend({
  /** Further messages, published right after the first one. */
  also: z.array(announcement).max(8).default([]),
  /** How long an alert may wait for its receipt. A shorter time would announce ordinary alerts on a slow link. */
  after: durationBetween('5s', '1h').prefault('30s'),
  /** The alerts that count. `all`: those of every channel of class alert, without `_silent` and `_unusable`. */
  channels: z
    .union([z.literal('all'), z.array(channelName)], EXPECTED_CHANNELS)
    .refine((names) => names.length > 0, EXPECTED_CHANNELS)
    .default('all'),
  /** How often to announce again while an announced alert stands unconfirmed. Null means never. */
  repeat: durationBetween('1m', '1d').nullable().default(null),
  /** The maximum number of repetitions. */
  repeat_limit: z.int().min(1).max(100).default(6),
});
export type ReflexConfig = z.infer<typeof reflex>;

/** Returns the reflex's messages in the order in which they are published. */
export function announcementsOf({
  topic,
  type,
  message: text,
  message_confirmed,
  message_cleared,
  qos,
  also,
}: ReflexConfig): Announcement[] {
  return [{ topic, type, message: text, message_confirmed, message_cleared, qos }, ...also];
}

/** Packages whose messages are velocities, poses, goals, paths or joint positions. None of their messages makes a sound. */
const MOTION_PACKAGES = ['geometry_msgs', 'nav_msgs', 'nav2_msgs', 'ackermann_msgs', 'trajectory_msgs', 'control_msgs', 'moveit_msgs'];

/** Whether messages of this type may move a robot, whatever the topic. */
export function mayMove(type: string): boolean {
  return MOTION_PACKAGES.some((pkg) => type.startsWith(`${pkg}/`)) || /Twist/.test(type);
}

/** The names of all alerts that the channels can raise. */
export function alertNames(channels: Readonly<Record<string, Pick<ChannelConfig, 'class' | 'max_silence'>>>): string[] {
  return Object.entries(channels).flatMap(([name, { class: rowClass, max_silence: maxSilence }]) => [
    ...(rowClass === 'alert' ? [name, name + UNUSABLE_SUFFIX] : []),
    ...(maxSilence === undefined ? [] : [name + SILENT_SUFFIX]),
  ]);
}

interface Surroundings {
  readonly channels: Readonly<Record<string, ChannelConfig>>;
  readonly cameras: Readonly<Record<string, CameraConfig>>;
  readonly commands: Readonly<Record<string, CommandConfig>>;
}

/** Finds faults that can only be seen together with the rest. @param finalName returns a topic's name after expansion and remapping. */
export function reflexFaults(config: ReflexConfig, surroundings: Surroundings, finalName: (topic: string) => string): Fault[] {
  const { channels } = surroundings;
  const names = alertNames(channels);
  const unknown = config.channels === 'all' ? [] : config.channels.filter((name) => !names.includes(name));
  return [
    ...announcementsOf(config).flatMap((each, i) => {
      const path = i === 0 ? ['reflex'] : ['reflex', 'also', i - 1];
      return announcementFaults(each, surroundings, finalName).map(([key, text]): Fault => [[...path, ...key], text]);
    }),
    ...unknown.map((name): Fault => {
      const guess = nearest(name, names);
      return [['reflex', 'channels'], `no alert is called ${name}${guess ? `, did you mean ${guess}?` : `; alerts: ${names.join(', ')}`}`];
    }),
  ];
}

function announcementFaults(
  each: Announcement,
  { channels, cameras, commands }: Surroundings,
  finalName: (topic: string) => string,
): Fault[] {
  const topic = finalName(each.topic);
  const reads = (other: string | undefined) => other !== undefined && finalName(other) === topic;
  const mover = moverOf(commands, topic, finalName);
  const reader = [
    ...Object.entries(channels).flatMap(([name, channel]) => (reads(channel.topic) ? [`channel ${name}`] : [])),
    ...Object.entries(cameras).flatMap(([name, camera]) => (reads(camera.topic) || reads(camera.privacy_topic) ? [`camera ${name}`] : [])),
    ...Object.entries(commands).flatMap(([name, { confirm }]) => (reads(confirm?.topic) ? [`the confirmation of command ${name}`] : [])),
  ][0];
  const templates = { message: each.message, message_confirmed: each.message_confirmed, message_cleared: each.message_cleared };
  const found: readonly (Fault | false)[] = [
    mayMove(each.type) && [['type'], 'expected a type that cannot move the robot, such as std_msgs/msg/String or std_msgs/msg/Bool'],
    mover !== undefined && [['topic'], `expected another topic: command ${mover} moves or stops the robot on this one`],
    reader !== undefined && [['topic'], `expected another topic: the agent reads this one as ${reader}`],
    ...Object.entries(templates).map(
      ([key, template]): Fault | false => namesIn(template).length > 0 && [[key], 'expected no arguments: no command sends this message'],
    ),
  ];
  return found.filter((fault) => fault !== false);
}
