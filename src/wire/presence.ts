// Defines the message of `<p>/presence`, which is also the last will: whether the robot is online, its outboxes, and its commands.
import * as z from 'zod';
import { commandName } from './commands.ts';
import { mark, outboxId, thingName, wallTime } from './names.ts';

export const announcedCommand = z.object({
  name: commandName,
  /** JSON Schema of the arguments. */
  args: z.unknown(),
  motion: z.boolean(),
});
export type AnnouncedCommand = z.infer<typeof announcedCommand>;

/** The battery in percent, the wall time of that value, and whether the robot treats the value as low. */
export const power = z.object({ battery: z.number(), low: z.boolean(), at: wallTime });
export type Power = z.infer<typeof power>;

export const presence = z.object({
  thing: thingName,
  /** A random id, new at each connect. */
  session: z.string().max(64),
  online: z.boolean(),
  /** Receivers ignore it in a last will, which was written at the start of the session. */
  at: wallTime,
  mark,
  version: z.string().max(64).optional(),
  boot: z.number().int().optional(),
  reason: z.string().max(100).optional(),
  /** `[id, accepted]` of each outbox that still exists or is not fully covered. */
  outboxes: z.array(z.tuple([outboxId, z.number().int().min(0)])).optional(),
  commands: z.array(announcedCommand).optional(),
  /** The present interval of telemetry in milliseconds. It is longer than configured if the budget requires it. */
  telemetry_every_ms: z.number().int().min(0).optional(),
  /** Absent if the power is unknown. A last will contains the power and the mark of the session's start. */
  power: power.optional(),
});
export type Presence = z.infer<typeof presence>;
