// Defines the messages on `<p>/commands` (a command from the cloud, whose arguments are defined by the robot's configuration) and on
// `<p>/results` (the outcome of a command).
import * as z from 'zod';
import { envelope, sequence, thingName, wallTime } from './names.ts';

/** The robot rejects larger commands without parsing them. */
export const MAX_COMMAND_BYTES = 8 * 1024;

/** A command is still accepted this long after `expires_at`, because even synchronised clocks may differ by this much. */
export const EXPIRY_GRACE_MS = 2_000;

/** If `issued_at` is further in the future than this, either the robot's clock or the sender's must be wrong. */
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
  /** A family key's signature: a detached JWS, or an assertion of WebAuthn. Only the robot reads it. */
  sig: z.unknown().optional(),
});
export type Command = z.infer<typeof command>;

export const RESULT_STATUSES = ['done', 'no_effect', 'rejected', 'expired', 'duplicate', 'failed', 'unknown'] as const;
export type ResultStatus = (typeof RESULT_STATUSES)[number];

export const RESULT_REASONS = [
  'malformed',
  'too_large',
  'unknown_command',
  'bad_arguments',
  'wrong_thing',
  'retained',
  'clock_untrusted',
  'clock_skew',
  'rate_limited',
  'condition_not_met',
  'motion_busy',
  'not_allowed',
  'ros_error',
] as const;
export type ResultReason = (typeof RESULT_REASONS)[number];

export const resultBody = z.object({
  kind: z.literal('result'),
  id: commandId,
  command: commandName.optional(),
  status: z.enum(RESULT_STATUSES),
  reason: z.enum(RESULT_REASONS).optional(),
  /** For human readers: the argument, its value and a remedy. */
  detail: z.string().max(500).optional(),
  /** The value that was published to ROS, after clamping. */
  applied: z.unknown().optional(),
  /** This result stands for so many stops, of which `id` names the last. Absent if it stands for one. */
  times: z.int().min(2).optional(),
});
export type ResultBody = z.infer<typeof resultBody>;

export const result = resultBody.extend({ ...envelope, seq: sequence, at: wallTime });
export type Result = z.infer<typeof result>;
