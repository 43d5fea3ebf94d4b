// `<p>/events`: what happened to the robot's own bookkeeping, uploads, clock and health.
import * as z from 'zod';
import { envelope, outboxId, range, sequence, wallTime } from './names.ts';

const ranges = z.array(range);

export const EVICTION_REASONS = ['age', 'space', 'poison', 'released'] as const;
export type EvictionReason = (typeof EVICTION_REASONS)[number];

/** Rows of outbox `of` that will never come: each counts as evicted, unless it is committed after all. */
export const evicted = z.object({
  kind: z.literal('evicted'),
  of: outboxId,
  ranges,
  reason: z.enum(EVICTION_REASONS),
});

/** A damaged outbox file was set aside. `last_seq` null: unknown, the highest `accepted` ever seen stands. */
export const outboxClosed = z.object({
  kind: z.literal('outbox_closed'),
  old: outboxId,
  last_seq: z.number().int().min(0).nullable(),
  lost: ranges,
  successor: outboxId,
});

/** The clock was corrected: add `offset_ms` to the times of the rows in `ranges` of outbox `of` that boot `boot` wrote. */
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

/** Why the run before this start of the agent ended: `clean`, `crash`, `watchdog`, `power` ... (src/service/ending.ts). */
export const restarted = z.object({
  kind: z.literal('restarted'),
  cause: z.string(),
  text: z.string(),
});

/** The `typ` of an announcement: nothing else that a robot signs can be taken for one. */
export const CERTIFICATE_NEXT_TYP = 'elderly-bot-certificate-next+jwt';

/** The robot's next certificate, signed with the key of the current one: a JWS of `{iss, next}` (docs/reference/protocol.md, Device authentication). */
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

/** The envelope of any event, also of a kind this side does not know yet: it still has a seq that counts. */
export const eventEnvelope = z.object({ ...envelope, seq: sequence, at: wallTime, kind: z.string().max(40) }).catchall(z.unknown());
export type EventEnvelope = z.infer<typeof eventEnvelope>;
