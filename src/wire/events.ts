// Defines the messages on `<p>/events`, with which the robot reports on its bookkeeping, uploads, clock and health.
import * as z from 'zod';
import { channelName, envelope, outboxId, range, sequence, wallTime } from './names.ts';

const ranges = z.array(range);

export const EVICTION_REASONS = ['age', 'space', 'poison', 'released'] as const;
export type EvictionReason = (typeof EVICTION_REASONS)[number];

/**
 * Rows of outbox `of` that the robot no longer holds. The cloud counts each as evicted, unless its database has the row or gets it later.
 */
export const evicted = z.object({
  kind: z.literal('evicted'),
  of: outboxId,
  ranges,
  reason: z.enum(EVICTION_REASONS),
  /** The alerts among the rows: number, wall time and channel. If there are more than 50, the rest is only in `ranges`. */
  alerts: z.array(z.tuple([sequence, wallTime, channelName])).optional(),
});

/**
 * The file of outbox `old` was damaged or lost. If `last_seq` is null, the highest `accepted` that the cloud has received still applies.
 */
export const outboxClosed = z.object({
  kind: z.literal('outbox_closed'),
  old: outboxId,
  last_seq: z.number().int().min(0).nullable(),
  lost: ranges,
  successor: outboxId,
});

/** The robot's clock was corrected after run `boot` had written the rows `ranges` of outbox `of`. Add `offset_ms` to their times. */
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

/** Why the previous run ended: `cause` is for example `clean`, `crash`, `watchdog` or `power` (src/service/ending.ts). */
export const restarted = z.object({
  kind: z.literal('restarted'),
  cause: z.string(),
  text: z.string(),
});

/** The announcement's `typ` header. It ensures that nothing else the robot signs can be passed off as an announcement. */
export const CERTIFICATE_NEXT_TYP = 'elderly-bot-certificate-next+jwt';

/** Announces the robot's next certificate: a JWS of `{iss, next}`, signed with the current key (protocol.md, Device authentication). */
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

/** Accepts any event, including kinds that this version does not know, because their row numbers must be recorded too. */
export const eventEnvelope = z.object({ ...envelope, seq: sequence, at: wallTime, kind: z.string().max(40) }).catchall(z.unknown());
export type EventEnvelope = z.infer<typeof eventEnvelope>;
