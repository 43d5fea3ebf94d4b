// Defines the rows of the outbox and their text on the wire. A row never changes after its commit: publications (PUBACK), coverage
// (receipts) and declarations (evictions) record its later states.
import type { EventBody, ReadingExtra, ReadingValue, ResultBody } from '../wire/index.ts';

/** The order in which rows are sent. Rows are evicted in the reverse order. */
export const ROW_CLASSES = ['alert', 'result', 'event', 'telemetry'] as const;
export type RowClass = (typeof ROW_CLASSES)[number];

/** The number of a class in the database: 0 is the most urgent class. */
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

/** @returns an empty text for results and events. */
export function channelOf(row: NewRow): string {
  return 'channel' in row ? row.channel : '';
}

/** A committed row, as the pump reads it. */
export interface StoredRow {
  readonly seq: number;
  readonly at: number;
  /** Empty for results and events. */
  readonly channel: string;
  /** The elements after the channel in `[seq, at, channel, …]` for a reading; the JSON object without its braces for other rows. */
  readonly body: string;
}

/** Encodes a row once, before its commit. Sending a backlog then only joins texts. */
export function encodeBody(row: NewRow): string {
  if ('body' in row) return JSON.stringify(row.body).slice(1, -1);
  const value = JSON.stringify(row.value);
  return row.extra && Object.keys(row.extra).length > 0 ? `${value},${JSON.stringify(row.extra)}` : value;
}

/** @returns the reading on the wire, `[seq, at, "channel", value]` or with a fifth element. A valid channel name needs no escapes. */
export function readingText(row: StoredRow): string {
  return `[${row.seq},${row.at},"${row.channel}",${row.body}]`;
}

export function decodeReading(body: string): { value: ReadingValue; extra: ReadingExtra } {
  const [value, extra] = JSON.parse(`[${body}]`) as [ReadingValue, ReadingExtra | undefined];
  return { value, extra: extra ?? {} };
}

/** Upper limit for the brackets, commas, quotes and both numbers of a reading on the wire. */
const ROW_OVERHEAD_BYTES = 40;

/** @returns the first rows whose text fits into `maxBytes`; the first row even if it alone is too long. */
export function fitting(rows: StoredRow[], maxBytes: number): StoredRow[] {
  let bytes = 0;
  const fits = rows.findIndex((row) => {
    bytes += Buffer.byteLength(row.body) + row.channel.length + ROW_OVERHEAD_BYTES;
    return bytes > maxBytes;
  });
  return fits === -1 ? rows : rows.slice(0, Math.max(1, fits));
}
