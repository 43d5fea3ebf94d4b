// Decodes a topic and a payload into a message. One bad row never costs the other rows. Decoding never throws: an unreadable payload
// becomes poison with the reason, and every row name that could be read is kept.

import { promisify } from 'node:util';
import { inflate } from 'node:zlib';
import { z } from 'zod';
import { messageOf } from '../../../src/base/index.ts';
import {
  eventBody,
  eventEnvelope,
  flatState,
  MAX_INFLATED_BYTES,
  mark,
  outboxId,
  presence,
  type Reading,
  type Result,
  reading,
  readingExtra,
  result,
  thingName,
  UPWARD,
  type Upward,
} from '../../../src/wire/index.ts';
import type { Content, EventRow, FlatState, Incoming, Message, Names, PoisonMessage, RowTable, UnreadAlert, UnreadRow } from './message.ts';
import { believedReading, bounded } from './times.ts';
import { alertOf, alertOfReading, alertsIn, carriesAlert, thingIn } from './unreadAlerts.ts';

type Body = Record<string, unknown>;

interface Place {
  readonly prefix: string;
  readonly suffix: Upward;
  /** The only thing that may publish here; null if the pattern has no `+`. */
  readonly thing: string | null;
}

/** In a pattern one level may be `+`. It is the robot's name, so a robot with rights to its own prefix can't publish for another robot. */
const PATTERN = /^(?:\+|[A-Za-z0-9_.:-]+)(?:\/(?:\+|[A-Za-z0-9_.:-]+)){0,5}$/;

const inflateAsync = promisify(inflate);

/** Limits of a message. An honest robot sends at most 1,000 readings and 100 KiB, also before it deflates them. */
const MAX_READINGS = 5_000;
const MAX_PAYLOAD_BYTES = 128 * 1024;

/** Outboxes of a presence. An honest robot names the open one and those with unconfirmed rows, the open one first. */
const MAX_OUTBOXES = 32;

/** The first byte of a zlib stream. No JSON object begins with it. */
export const ZLIB_FIRST_BYTE = 0x78;

/** The fields that name rows. A bad `accepted` or `mark` gets a default, because it must not cost the rows. */
const envelopeOfRows = z.object({
  thing: thingName,
  outbox: outboxId,
  accepted: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).catch(0),
  mark: mark.nullable().catch(null),
});

/** Keys of an event that have their own columns or do not describe the event. */
const ENVELOPE_KEYS = new Set(['thing', 'outbox', 'accepted', 'mark', 'seq', 'at', 'kind']);
const KNOWN_KINDS: ReadonlySet<string> = new Set(eventBody.options.map((option) => option.shape.kind.value));

/** The size of a message after it was inflated. */
export interface Weight {
  rows: number;
  bytes: number;
}

/** @param weight is set to the message's. */
export async function decode(patterns: readonly string[], incoming: Incoming, weight: Weight): Promise<Message> {
  weight.bytes = incoming.payload.length;
  const place = placeOf(patterns, incoming.topic);
  if (!place) return poison(incoming, null, null, `the topic matches none of the patterns ${patterns.join(', ')}`);
  let body: unknown;
  let text: string | null = null;
  try {
    if (weight.bytes > MAX_PAYLOAD_BYTES) throw new Error(`${weight.bytes} bytes, but a message has at most ${MAX_PAYLOAD_BYTES}`);
    text = await textOf(place, incoming.payload);
    weight.bytes = text.length;
    body = JSON.parse(text);
  } catch (error) {
    return poison(incoming, place, null, `unreadable: ${messageOf(error)}`, text);
  }
  const thing = thingName.safeParse((body as { thing?: unknown } | null)?.thing);
  if (!thing.success) return poison(incoming, place, null, 'the message has no valid thing');
  if (place.thing !== null && place.thing !== thing.data) {
    return poison(incoming, place, thing.data, `thing ${thing.data} may not publish on ${incoming.topic}`);
  }
  const { readings } = body as Body;
  weight.rows = Array.isArray(readings) ? readings.length : 1;
  if (weight.rows > MAX_READINGS) {
    return poison(incoming, place, thing.data, `${weight.rows} readings, but a message has at most ${MAX_READINGS}`, text);
  }
  const read = place.suffix === 'presence' ? decodePresence : decodeRows;
  return read(place, incoming, thing.data, body as Body);
}

/**
 * Turns a message that the database refused into poison. If the database refuses that too, each further call drops a part: the names, so
 * that no receipt covers the rows, then the alerts.
 * @returns null if nothing is left to drop.
 */
export function asPoison(incoming: Incoming, message: Message, reason: string): PoisonMessage | null {
  if (message.kind === 'poison') {
    if (message.names !== null) return { ...message, names: null, reason };
    return message.unreadAlerts.length > 0 ? { ...message, unreadAlerts: [], reason } : null;
  }
  const { topic, payload } = incoming;
  const { prefix, isProven } = message;
  if (message.kind === 'presence') {
    const { thing } = message.presence;
    return { kind: 'poison', topic, payload, prefix, isProven, thing, reason, names: null, alerting: thing, unreadAlerts: [] };
  }
  const { names, readings } = message;
  const alerts = readings.map((row) => alertOfReading(row, names, reason)).filter((alert) => alert !== null);
  const unreadAlerts = [...message.unreadAlerts, ...alerts];
  return { kind: 'poison', topic, payload, prefix, isProven, thing: names.thing, reason, names, alerting: names.thing, unreadAlerts };
}

/** Leaves the rows out that are no alerts. No receipt covers them, so that the robot sends them again. */
export function onlyAlerts(message: Message): Message {
  if (message.kind !== 'rows') return message;
  const readings = message.readings.filter((row) => row[4]?.alert !== undefined);
  const seqs = [...readings.map(([seq]) => seq), ...[message.results, message.events, message.unread].flat().map(({ seq }) => seq)];
  return { ...message, readings, names: { ...message.names, seqs } };
}

async function textOf(place: Place, payload: Uint8Array): Promise<string> {
  const isDeflated = place.suffix === 'backlog' && payload[0] === ZLIB_FIRST_BYTE;
  const bytes = isDeflated ? await inflateAsync(payload, { maxOutputLength: MAX_INFLATED_BYTES }) : payload;
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

function decodePresence(place: Place, incoming: Incoming, thing: string, body: Body): Message {
  const parsed = parse(presence, body);
  if (!parsed.success) return poison(incoming, place, thing, firstIssue(parsed.error));
  const { outboxes } = parsed.data;
  const bounded = outboxes ? { ...parsed.data, outboxes: outboxes.slice(0, MAX_OUTBOXES) } : parsed.data;
  return { kind: 'presence', prefix: place.prefix, isProven: place.thing !== null, presence: bounded };
}

function decodeRows(place: Place, incoming: Incoming, thing: string, body: Body): Message {
  const envelope = envelopeOfRows.safeParse(body);
  if (!envelope.success) return poison(incoming, place, thing, firstIssue(envelope.error));
  const table: RowTable = place.suffix === 'results' || place.suffix === 'events' ? place.suffix : 'readings';
  const rows: unknown = table === 'readings' ? body.readings : [body];
  if (!Array.isArray(rows)) return poison(incoming, place, thing, 'the message has no list of readings');
  const names: Names = { ...envelope.data, seqs: rows.map(seqOf).filter((seq) => seq !== null) };
  if (names.seqs.length === 0 && rows.length > 0) return poison(incoming, place, thing, 'no row has a valid seq');
  try {
    const state = place.suffix === 'telemetry' ? stateOf(names, body) : null;
    const content = contentOf(table, rows, names, body.kind === 'alert');
    const isProven = place.thing !== null;
    return { kind: 'rows', prefix: place.prefix, isProven, topic: incoming.topic, names, state, ...content };
  } catch (error) {
    return { ...poison(incoming, place, thing, `unreadable: ${messageOf(error)}`), names };
  }
}

/** @returns null for flat keys without a `state_seq`, because their order is unknown. */
function stateOf(names: Names, body: Body): FlatState | null {
  const seq = body.state_seq;
  if (body.kind === 'backlog' || !Number.isSafeInteger(seq)) return null;
  return { outbox: names.outbox, seq: seq as number, mark: names.mark ?? [0, 0], values: flatState(body) };
}

/** The seq of a reading is its first element; a result or an event has the key `seq`. */
function seqOf(row: unknown): number | null {
  const seq: unknown = Array.isArray(row) ? row[0] : (row as { seq?: unknown } | null)?.seq;
  return Number.isSafeInteger(seq) && (seq as number) >= 1 ? (seq as number) : null;
}

/**
 * @param isAlert whether the message says that it has an alert. If no row has one, its first row stands for it.
 * @throws RangeError if a row is nested too deeply for JSON.stringify.
 */
function contentOf(table: RowTable, rows: readonly unknown[], names: Names, isAlert: boolean): Content {
  const readings: Reading[] = [];
  const results: Result[] = [];
  const events: EventRow[] = [];
  const unread: UnreadRow[] = [];
  const unnamed: string[] = [];
  const unreadAlerts: UnreadAlert[] = [];
  const readers: Record<RowTable, (row: unknown) => string | null> = {
    readings: (row) => addParsed(readReading(row), readings, believedReading),
    results: (row) => addParsed(parse(result, row), results, (read) => ({ ...read, at: bounded(read.at) })),
    events: (row) => addEvent(row, events),
  };
  for (const row of rows) {
    const reason = readers[table](row);
    if (reason === null) continue;
    const seq = seqOf(row);
    const raw = JSON.stringify(row);
    if (seq === null) unnamed.push(raw);
    else unread.push({ seq, raw, reason });
    if (table === 'readings' && carriesAlert(row)) unreadAlerts.push(alertOf(row, names, reason));
  }
  let alert = readings.some((row) => row[4]?.alert !== undefined) || unreadAlerts.length > 0;
  if (table === 'readings' && isAlert && !alert) {
    unreadAlerts.push(alertOf(rows[0], names, 'kind: the message is an alert, but no row has one'));
    alert = true;
  }
  return { readings, results, events, unread, unreadTable: table, unnamed, unreadAlerts, alert };
}

/** Reads a row of a newer robot without the elements and the optional fields that this version does not know. */
function readReading(row: unknown): z.ZodSafeParseResult<Reading> {
  const [short, long] = reading.options;
  const strict = (Array.isArray(row) && row.length === 4 ? short : long).safeParse(row);
  if (strict.success || !Array.isArray(row)) return strict;
  const [seq, at, channel, value, given] = row as unknown[];
  const extra = parse(readingExtra, given ?? {}).data ?? {};
  // A value of `alert` that this version does not know may still mean danger, and so may an alert in another place.
  const hidesAlert = extra.alert === undefined && carriesAlert(row);
  return hidesAlert ? strict : long.safeParse([seq, at, channel, value, extra]);
}

/** Parses without the optional fields whose values are invalid, such as a word that only a newer robot knows. */
function parse<T extends z.ZodType>(schema: T, given: unknown): z.ZodSafeParseResult<z.infer<T>> {
  const first = schema.safeParse(given);
  if (first.success || typeof given !== 'object' || given === null) return first;
  const invalid = new Set(first.error.issues.map(({ path }) => path[0]));
  const second = schema.safeParse(Object.fromEntries(Object.entries(given).filter(([key]) => !invalid.has(key))));
  return second.success ? second : first;
}

/** Stores an event of an unknown kind (from a newer robot) as it is. An event of a known kind must match its schema. */
function addEvent(row: unknown, events: EventRow[]): string | null {
  const envelope = eventEnvelope.safeParse(row);
  if (!envelope.success) return firstIssue(envelope.error);
  const { seq, at, kind } = envelope.data;
  const known = KNOWN_KINDS.has(kind) ? parse(eventBody, row) : null;
  if (known && !known.success) return firstIssue(known.error);
  const body = Object.fromEntries(Object.entries(envelope.data).filter(([key]) => !ENVELOPE_KEYS.has(key)));
  events.push({ seq, at: bounded(at), kind, body, known: known?.data ?? null });
  return null;
}

/** @returns the reason if the row is invalid. */
function addParsed<T>(parsed: z.ZodSafeParseResult<T>, list: T[], believed: (row: T) => T): string | null {
  if (!parsed.success) return firstIssue(parsed.error);
  list.push(believed(parsed.data));
  return null;
}

/** The first schema error, with the path of the field. */
function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue ? `${issue.path.join('.') || 'message'}: ${issue.message}` : 'invalid';
}

/** @param text the inflated payload; null if it is the payload itself. */
function poison(incoming: Incoming, place: Place | null, thing: string | null, reason: string, text: string | null = null): PoisonMessage {
  const { topic, payload } = incoming;
  const mayAlert = place?.suffix === 'telemetry' || place?.suffix === 'backlog';
  const shown = mayAlert ? (text ?? Buffer.from(payload).toString()) : '';
  const alerting = place?.thing ?? thing ?? thingIn(shown);
  const unreadAlerts = alertsIn(shown, reason);
  const isProven = (place?.thing ?? null) !== null;
  return { kind: 'poison', topic, payload, prefix: place?.prefix ?? null, isProven, thing, reason, names: null, alerting, unreadAlerts };
}

export function patternProblem(pattern: string): string | null {
  if (!PATTERN.test(pattern)) return 'expected levels of A-Z a-z 0-9 _ . : - between slashes; one level may be +';
  if (pattern.split('/').filter((level) => level === '+').length > 1) return 'only one level may be +: it names the robot';
  return null;
}

/** The topic filters of backlog, or of everything else. */
export function filtersOf(patterns: readonly string[], isBacklog: boolean): string[] {
  const suffixes = UPWARD.filter((suffix) => (suffix === 'backlog') === isBacklog);
  return patterns.flatMap((pattern) => suffixes.map((suffix) => `${pattern}/${suffix}`));
}

/** Splits a topic by the first pattern that matches it. */
export function placeOf(patterns: readonly string[], topic: string): Place | null {
  const cut = topic.lastIndexOf('/');
  const prefix = topic.slice(0, Math.max(cut, 0));
  const suffix = UPWARD.find((name) => name === topic.slice(cut + 1));
  if (!suffix || !prefix) return null;
  const levels = prefix.split('/');
  for (const pattern of patterns) {
    const wanted = pattern.split('/');
    if (wanted.length !== levels.length || wanted.some((level, i) => level !== '+' && level !== levels[i])) continue;
    const plus = wanted.indexOf('+');
    return { prefix, suffix, thing: plus < 0 ? null : (levels[plus] ?? null) };
  }
  return null;
}
