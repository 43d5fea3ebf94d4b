// `<p>/results`: what became of a command.
import * as z from 'zod';
import { commandId, commandName } from './commands.ts';
import { envelope, sequence, wallTime } from './names.ts';

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
  /** For people: which argument, which value, what to do. */
  detail: z.string().max(500).optional(),
  /** The published value, after clamping. */
  applied: z.unknown().optional(),
});
export type ResultBody = z.infer<typeof resultBody>;

export const result = resultBody.extend({ ...envelope, seq: sequence, at: wallTime });
export type Result = z.infer<typeof result>;
