// Defines the outbox's rows and their wire encoding. A row is immutable once committed; what happens to it later is recorded elsewhere: in
// publications (PUBACK), coverage (receipts) and declarations (evictions).
import type { EventBody, ReadingExtra, ReadingValue, ResultBody } from '../wire/index.ts';

/** In the order in which they are sent. Rows are evicted in the reverse order. */
export const ROW_CLASSES = ['alert', 'result', 'event', 'telemetry'] as const;
export type RowClass = (typeof ROW_CLASSES)[number];

/** Returns a class's number in the database. 0 is the most urgent class. */
export function classNumber(rowClass: RowClass): number {
  return ROW_CLASSES.indexOf(rowClass);
}

export function className(number: number): RowClass {
  return ROW_CLASSES[number] ?? 'telemetry';
}

export type NewRow =
  | { readonly class: 'alert' | 'telemetry'; readonly channel: string; readonly value: ReadingValue; readonly extra?: ReadingExtra }
  | { readonly class: 'result'; readonly body: ResultBody }
  | { readonly class: 'event'; readonly body: EventBody };

/** Returns the empty string for results and events, which have no channel. */
export function channelOf(row: NewRow): string {
  return 'channel' in row ? row.channel : '';
}

/** A committed row, in the form that the pump sends. */
export interface StoredRow {
  readonly seq: number;
  readonly at: number;
  /** Empty for results and events, which have no channel. */
  readonly channel: string;
  /** For a reading, the elements after the channel in `[seq, at, channel, …]`; for other rows, a JSON object without its braces. */
  readonly body: string;
}

/**
 * Whether the row declares other rows as gone. It must not be evicted while it can still be delivered: its own declaration would name its
 * number, but not the rows that it declares.
 */
export function isDeclaration({ body }: Pick<StoredRow, 'body'>): boolean {
  return body.startsWith('"kind":"evicted"') || body.startsWith('"kind":"outbox_closed"');
}

/** Encodes a row. This is done once, before the commit, so that sending a backlog only has to concatenate strings. */
export function encodeBody(row: NewRow): string {
  if ('body' in row) return JSON.stringify(row.body).slice(1, -1);
  const value = JSON.stringify(row.value);
  return row.extra && Object.keys(row.extra).length > 0 ? `${value},${JSON.stringify(row.extra)}` : value;
}

/** Returns a reading's wire form, `[seq, at, "channel", value]` or with extra fields at the end. Channel names need no escaping. */
export function readingText(row: StoredRow): string {
  return `[${row.seq},${row.at},"${row.channel}",${row.body}]`;
}

export function decodeReading(body: string): { value: ReadingValue; extra: ReadingExtra } {
  const [value, extra] = JSON.parse(`[${body}]`) as [ReadingValue, ReadingExtra | undefined];
  return { value, extra: extra ?? {} };
}

/** Upper bound for the encoded brackets, commas, quotes and both numbers of a reading. */
const ROW_OVERHEAD_BYTES = 40;

/** Returns as many leading rows as fit into `maxBytes`, but at least the first. */
export function fitting(rows: StoredRow[], maxBytes: number): StoredRow[] {
  let bytes = 0;
  const fits = rows.findIndex((row) => {
    bytes += Buffer.byteLength(row.body) + row.channel.length + ROW_OVERHEAD_BYTES;
    return bytes > maxBytes;
  });
  return fits === -1 ? rows : rows.slice(0, Math.max(1, fits));
}
