// States which values a row of each table may have. A row that this program wrote always passes; a row of a foreign file that does not pass
// could stop the agent at its next start, or make it read or delete files outside of its folders.
import * as z from 'zod';
import { parseJson } from '../base/index.ts';
import {
  channelName,
  commandId,
  commandName,
  ENVELOPE_KEYS,
  eventBody,
  normalize,
  outboxId,
  RESULT_REASONS,
  RESULT_STATUSES,
  range,
  reading,
  resultBody,
  sequence,
} from '../wire/index.ts';
import { ROW_CLASSES } from './rows.ts';
import type { Column } from './schema.ts';
import { spoolName } from './tables.ts';

/** The largest distance from 1970 that a Date can have, in milliseconds (ECMAScript). No number in the file is larger. */
const MOST = 8.64e15;
/** The longest text that the program writes is a configuration of at most 1 MiB. A row must fit into a message of 100 KiB. */
const LONGEST = 1024 ** 2;
/** Numbers that the program counts up from, one by one. */
const COUNTED = 2 ** 31;

const count = z.int().min(0).max(MOST);
const ordinal = z.int().min(1).max(COUNTED);
const rowClass = z
  .int()
  .min(0)
  .max(ROW_CLASSES.length - 1);
const time = z.int().min(-MOST).max(MOST);
const text = z.string().max(LONGEST);

/** A set of row numbers in the form that the program writes. */
const ranges = text.refine((json) => {
  const parsed = z.array(range).safeParse(parseJson(json)).data;
  return parsed !== undefined && JSON.stringify(normalize(parsed)) === json;
}, 'expected sorted ranges of row numbers');

const isReading = (channel: string, body: string): boolean => {
  const parsed: unknown = parseJson(`[${body}]`);
  if (!Array.isArray(parsed) || JSON.stringify(parsed) !== `[${body}]`) return false;
  return reading.safeParse([1, 0, channel, ...parsed]).success;
};

const KINDS = new Set(eventBody.options.map(({ shape }): string => shape.kind.value));

/** The pump puts the text between the keys of a message, so it must be the inside of one object that has none of these keys. */
const OWN_KEYS: readonly string[] = ENVELOPE_KEYS.filter((key) => key !== 'kind');

const isBody = (body: string, isGood: (parsed: { readonly kind?: unknown }) => boolean): boolean => {
  const parsed = parseJson(`{${body}}`) as { readonly kind?: unknown } | undefined;
  if (parsed === undefined || JSON.stringify(parsed) !== `{${body}}`) return false;
  return !Object.keys(parsed).some((key) => OWN_KEYS.includes(key)) && isGood(parsed);
};

const isResult = (body: string): boolean => isBody(body, (parsed) => resultBody.safeParse(parsed).success);

/** An earlier version may have written events of a kind that this one does not know. The cloud records their numbers. */
const isEvent = (body: string): boolean =>
  isBody(body, (parsed) => eventBody.safeParse(parsed).success || (typeof parsed.kind === 'string' && !KINDS.has(parsed.kind)));

const row = z
  .object({ class: rowClass, seq: sequence, channel: text, body: text, at: time, mono: count, trusted: z.int().min(0).max(1) })
  .refine(({ class: number, channel, body }) => {
    const name = ROW_CLASSES[number];
    if (name === 'alert' || name === 'telemetry') return channelName.safeParse(channel).success && isReading(channel, body);
    return channel === '' && (name === 'result' ? isResult(body) : isEvent(body));
  }, 'its text is not a row of its class');

const CHECKS: Readonly<Record<string, z.ZodType>> = {
  outboxes: z
    .object({ ordinal, id: outboxId, boot: count, opened_at: time, accepted: count, covered: ranges, gone: ranges })
    .refine(({ accepted, covered, gone }) => [covered, gone].every((json) => lastOf(json) <= accepted), 'it names rows beyond `accepted`'),
  rows: row,
  publications: z
    .object({ class: rowClass, first: sequence, last: sequence, ran_ms: count, tries: z.int().min(0).max(COUNTED) })
    .refine(({ first, last }) => first <= last, 'its first row is behind its last'),
  delivered_alerts: z
    .object({ seq: sequence, channel: channelName, body: text, at: time, ran_ms: count })
    .refine(({ channel, body }) => isReading(channel, body), 'its text is not a reading'),
  tally: z.object({ class: rowClass, rows: z.int().min(0).max(MOST) }),
  commands: z.object({
    id: commandId,
    command: z.union([commandName, z.literal('')]),
    state: z.enum(['started', 'ended', 'refused']),
    started_at: time,
    ran_ms: count,
    result: text.refine((json) => resultBody.safeParse(parseJson(json)).success, 'expected a result').nullable(),
  }),
  uploads: z.object({
    file: spoolName,
    kind: z.enum(['snapshot', 'clip', 'log', 'backup']),
    size: count,
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    taken_at: time,
    incident: z.string().max(64).nullable(),
    ran_ms: count,
    told: z.int().min(0).max(1),
  }),
  notes: z.object({ name: z.string().min(1).max(200), text }),
  commands_without_id: z.object({
    n: z.int().min(1).max(COUNTED),
    command: commandName.nullable(),
    status: z.enum(RESULT_STATUSES),
    reason: z.enum(RESULT_REASONS).nullable(),
    detail: z.string().max(500).nullable(),
    times: z.int().min(1).max(MOST),
    first_at: time,
    at: time,
    ran_ms: count,
  }),
};

/** The tables that have a check of their own. Other tables have only the limits of their columns' types. */
export const CHECKED_TABLES: readonly string[] = Object.keys(CHECKS);

/** @param columns of the table, with their declared types. */
export function checkerOf(table: string, columns: readonly Pick<Column, 'name' | 'type'>[]): z.ZodType {
  const byType = z.object(Object.fromEntries(columns.map(({ name, type }) => [name, (type === 'TEXT' ? text : time).nullable()])));
  const own = CHECKS[table];
  return own === undefined ? byType : z.intersection(byType, own);
}

function lastOf(json: string): number {
  return z.array(range).safeParse(parseJson(json)).data?.at(-1)?.[1] ?? 0;
}
