// `<p>/presence`: online or not, which outboxes the robot answers for, and which commands it takes. Also the last will.
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

/** The robot's battery in percent, the wall time of that value, and whether the robot counts it as low. */
export const power = z.object({ battery: z.number(), low: z.boolean(), at: wallTime });
export type Power = z.infer<typeof power>;

export const presence = z.object({
  thing: thingName,
  /** Random, new at each connect. */
  session: z.string().max(64),
  online: z.boolean(),
  /** Not believed in a last will: it was written when the session began. */
  at: wallTime,
  mark,
  version: z.string().max(64).optional(),
  boot: z.number().int().optional(),
  reason: z.string().max(100).optional(),
  /** `[id, accepted]` of each outbox that is still held or not fully covered. */
  outboxes: z.array(z.tuple([outboxId, z.number().int().min(0)])).optional(),
  commands: z.array(announcedCommand).optional(),
  /** How long live telemetry waits, in milliseconds: its interval, stretched if the budget requires it. */
  telemetry_every_ms: z.number().int().min(0).optional(),
  /** Left out: not known. In a last will: the power when the session began, with the mark of that time. */
  power: power.optional(),
});
export type Presence = z.infer<typeof presence>;
