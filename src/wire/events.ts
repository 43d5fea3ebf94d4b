// Defines the messages of `<p>/events`: events of the robot's bookkeeping, uploads, clock and health.
import * as z from 'zod';
import { envelope, outboxId, range, sequence, wallTime } from './names.ts';

const ranges = z.array(range);

export const EVICTION_REASONS = ['age', 'space', 'poison', 'released'] as const;
export type EvictionReason = (typeof EVICTION_REASONS)[number];

/** Rows of outbox `of` that will never arrive. Each counts as evicted, unless the database has it already or receives it later. */
export const evicted = z.object({
  kind: z.literal('evicted'),
  of: outboxId,
  ranges,
  reason: z.enum(EVICTION_REASONS),
});

/** A damaged outbox file was moved away. If `last_seq` is null, the highest known `accepted` remains valid. */
export const outboxClosed = z.object({
  kind: z.literal('outbox_closed'),
  old: outboxId,
  last_seq: z.number().int().min(0).nullable(),
  lost: ranges,
  successor: outboxId,
});

/** The clock was corrected. The cloud adds `offset_ms` to the times of the rows in `ranges` of outbox `of` that boot `boot` wrote. */
export const clockSet = z.object({
  kind: z.literal('clock_set'),
  of: outboxId,
  boot: z.number().int(),
  ranges,
  offset_ms: z.number().int(),
});

export const uploaded = z.object({
  kind: z.literal('uploaded'),
  upload_id: z.string(),
  object_key: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  size: z.number().int().min(0),
  incident: z.string().optional(),
});

export const problemEvent = z.object({
  kind: z.literal('problem'),
  code: z.string(),
  severity: z.enum(['info', 'warning', 'error', 'critical']),
  state: z.enum(['raised', 'cleared']),
  text: z.string(),
});

export const lastWords = z.object({
  kind: z.literal('last_words'),
  cause: z.string(),
  queued: z.number().int().min(0),
  oldest_at: wallTime.nullable(),
});

/** The end of the previous run, such as `clean`, `crash`, `watchdog` or `power` (src/service/ending.ts). */
export const restarted = z.object({
  kind: z.literal('restarted'),
  cause: z.string(),
  text: z.string(),
});

/** The `typ` of an announcement. It distinguishes an announcement from all other texts that a robot signs. */
export const CERTIFICATE_NEXT_TYP = 'elderly-bot-certificate-next+jwt';

/** The robot's next certificate as a JWS of `{iss, next}`, signed with the current key (docs/reference/protocol.md, Device authentication). */
export const certificateNext = z.object({
  kind: z.literal('certificate_next'),
  announcement: z.string().max(20_000),
});

export const eventBody = z.discriminatedUnion('kind', [
  evicted,
  outboxClosed,
  clockSet,
  uploaded,
  problemEvent,
  lastWords,
  restarted,
  certificateNext,
]);
export type EventBody = z.infer<typeof eventBody>;

/** The envelope of any event, including unknown kinds, whose seq counts as well. */
export const eventEnvelope = z.object({ ...envelope, seq: sequence, at: wallTime, kind: z.string().max(40) }).catchall(z.unknown());
export type EventEnvelope = z.infer<typeof eventEnvelope>;
