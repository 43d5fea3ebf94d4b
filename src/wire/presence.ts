// Defines the message on `<p>/presence`, which is also the robot's last will: whether the robot is online, its outboxes and its commands.
import * as z from 'zod';
import { commandName } from './commands.ts';
import { channelName, mark, outboxId, thingName, wallTime } from './names.ts';

export const announcedCommand = z.object({
  name: commandName,
  /** The JSON Schema of the arguments. */
  args: z.unknown(),
  motion: z.boolean(),
  /** Whether the command must or may be signed by a family key. Absent if the robot does not read signatures of it. */
  signed: z.enum(['required', 'optional']).optional(),
});
export type AnnouncedCommand = z.infer<typeof announcedCommand>;

/** The battery level in percent, whether the robot considers it low, and the wall time at which it was measured. */
export const power = z.object({ battery: z.number(), low: z.boolean(), at: wallTime });
export type Power = z.infer<typeof power>;

export const presence = z.object({
  thing: thingName,
  /** A random id that is different for every connection. */
  session: z.string().max(64),
  online: z.boolean(),
  /** In a last will, receivers must ignore this, because it is the time of the CONNECT rather than of the disconnection. */
  at: wallTime,
  mark,
  version: z.string().max(64).optional(),
  boot: z.number().int().optional(),
  reason: z.string().max(100).optional(),
  /** `[id, accepted]` of the open outbox and of every outbox that the cloud does not fully know. */
  outboxes: z.array(z.tuple([outboxId, z.number().int().min(0)])).optional(),
  commands: z.array(announcedCommand).optional(),
  /** All channels that the robot has now. The cloud drops the values of all others. */
  channels: z.array(channelName).optional(),
  /** The current telemetry interval, in milliseconds. It may be longer than configured, to stay within the message budget. */
  telemetry_every_ms: z.number().int().min(0).optional(),
  /** Absent if unknown. In a last will, it is the value at the time of the CONNECT. */
  power: power.optional(),
  /** `failed` while the robot cannot write to its disk and keeps its rows in memory. Absent if the disk works. */
  storage: z.literal('failed').optional(),
});
export type Presence = z.infer<typeof presence>;
