// `<p>/commands`: one command from the cloud. The robot's configuration defines its arguments.
import * as z from 'zod';
import { thingName, wallTime } from './names.ts';

/** Larger commands are refused unread. */
export const MAX_COMMAND_BYTES = 8 * 1024;

/** A command is valid this long after `expires_at`: what two well-kept clocks may differ. */
export const EXPIRY_GRACE_MS = 2_000;

/** A command issued further ahead than this says that one of the two clocks is wrong. */
export const MAX_ISSUED_AHEAD_MS = 60_000;

export const COMMAND_ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
export const COMMAND_NAME_PATTERN = /^[a-z][a-z0-9_]{0,39}$/;
export const commandId = z.string().regex(COMMAND_ID_PATTERN);
export const commandName = z.string().regex(COMMAND_NAME_PATTERN);

export const command = z.object({
  id: commandId.optional(),
  thing: thingName.optional(),
  command: commandName,
  value: z.unknown().optional(),
  args: z.record(z.string(), z.unknown()).optional(),
  issued_at: wallTime.optional(),
  expires_at: wallTime.optional(),
});
export type Command = z.infer<typeof command>;
