// The rows of one message, each read on its own: a row that has a name but can't be read is kept as text under that name.
import type { z } from 'zod';
import { eventBody, eventEnvelope, type Reading, reading, result } from '../../../src/wire/index.ts';
import type { Content, EventRow, ResultRow, RowTable, UnreadRow } from './message.ts';

/** Keys of an event that have columns of their own or say nothing about the event itself. */
const ENVELOPE_KEYS = new Set(['thing', 'outbox', 'accepted', 'mark', 'seq', 'at', 'kind']);

/** The seq of a reading (its first element) or of a result or event (its key), or null where there is none. */
export function seqOf(row: unknown): number | null {
  const seq: unknown = Array.isArray(row) ? row[0] : (row as { seq?: unknown } | null)?.seq;
  return Number.isSafeInteger(seq) && (seq as number) >= 1 ? (seq as number) : null;
}

/** @throws RangeError where something is nested too deeply to be written down again. */
export function contentOf(table: RowTable, rows: readonly unknown[]): Content {
  const readings: Reading[] = [];
  const results: ResultRow[] = [];
  const events: EventRow[] = [];
  const unread: UnreadRow[] = [];
  const unnamed: string[] = [];
  const readers: Record<RowTable, (row: unknown) => string | null> = {
    readings: (row) => keep(reading.safeParse(row), (parsed) => readings.push(parsed)),
    results: (row) => keep(result.safeParse(row), (parsed) => results.push({ seq: parsed.seq, at: parsed.at, result: parsed })),
    events: (row) => readEvent(row, events),
  };
  for (const row of rows) {
    const why = readers[table](row);
    if (why === null) continue;
    const seq = seqOf(row);
    const raw = JSON.stringify(row);
    if (seq === null) unnamed.push(raw);
    else unread.push({ seq, raw, why });
  }
  const alert = readings.some((row) => row[4]?.alert !== undefined);
  return { readings, results, events, unread, unreadTable: table, unnamed, alert };
}

/** The first thing that is wrong, with its place. */
export function whyOf(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue ? `${issue.path.join('.') || 'message'}: ${issue.message}` : 'invalid';
}

/** An event of an unknown kind, from a newer robot, is kept as it is; an event of a known kind must have the fields of docs/reference/protocol.md. */
function readEvent(row: unknown, events: EventRow[]): string | null {
  const envelope = eventEnvelope.safeParse(row);
  if (!envelope.success) return whyOf(envelope.error);
  const { seq, at, kind } = envelope.data;
  const known = KNOWN_KINDS.has(kind) ? eventBody.safeParse(row) : null;
  if (known && !known.success) return whyOf(known.error);
  const body = Object.fromEntries(Object.entries(envelope.data).filter(([key]) => !ENVELOPE_KEYS.has(key)));
  events.push({ seq, at, kind, body, known: known?.data ?? null });
  return null;
}

const KNOWN_KINDS: ReadonlySet<string> = new Set(eventBody.options.map((option) => option.shape.kind.value));

function keep<T>(parsed: z.ZodSafeParseResult<T>, push: (value: T) => void): string | null {
  if (!parsed.success) return whyOf(parsed.error);
  push(parsed.data);
  return null;
}
