// What a row is, and its text on the wire. A row is written once and never changes; what happened to it since stands in
// publications (PUBACK), coverage (receipts) and declarations (given up).
import type { EventBody, ReadingExtra, ReadingValue, ResultBody } from '../wire/index.ts';

/** Highest first: the order in which rows leave, and the reverse of the order in which they are given up. */
export const ROW_CLASSES = ['alert', 'result', 'event', 'telemetry'] as const;
export type RowClass = (typeof ROW_CLASSES)[number];

/** A class as the database keeps it: 0 is the highest. */
export function classNumber(rowClass: RowClass): number {
  return ROW_CLASSES.indexOf(rowClass);
}

export function className(number: number): RowClass {
  return ROW_CLASSES[number] ?? 'telemetry';
}

export interface ReadingRow {
  readonly class: 'alert' | 'telemetry';
  readonly channel: string;
  readonly value: ReadingValue;
  readonly extra?: ReadingExtra;
}

export interface ResultRow {
  readonly class: 'result';
  readonly body: ResultBody;
}

export interface EventRow {
  readonly class: 'event';
  readonly body: EventBody;
}

export type NewRow = ReadingRow | ResultRow | EventRow;

/** A committed row as the pump gets it. */
export interface StoredRow {
  readonly seq: number;
  readonly at: number;
  /** Empty for results and events. */
  readonly channel: string;
  /** Readings: what follows the channel in `[seq, at, channel, …]`. Results and events: their object without its braces. */
  readonly body: string;
}

/** A row's text is made once, when it is written: draining a backlog is then mere joining. */
export function encodeBody(row: NewRow): string {
  if ('body' in row) return JSON.stringify(row.body).slice(1, -1);
  const value = JSON.stringify(row.value);
  return row.extra && Object.keys(row.extra).length > 0 ? `${value},${JSON.stringify(row.extra)}` : value;
}

/** `[seq, at, "channel", value]`, or with the fifth element. Channel names need no escaping by their schema. */
export function readingText(row: StoredRow): string {
  return `[${row.seq},${row.at},"${row.channel}",${row.body}]`;
}

/** Reads a reading's body again. */
export function decodeReading(body: string): { value: ReadingValue; extra: ReadingExtra } {
  const [value, extra] = JSON.parse(`[${body}]`) as [ReadingValue, ReadingExtra | undefined];
  return { value, extra: extra ?? {} };
}

/** Brackets, commas, quotes and the two numbers of a reading on the wire, at most. */
const ROW_OVERHEAD_BYTES = 40;

/** The first rows whose text is at most `maxBytes`, and one in any case. */
export function fitting(rows: StoredRow[], maxBytes: number): StoredRow[] {
  let bytes = 0;
  const fits = rows.findIndex((row) => {
    bytes += Buffer.byteLength(row.body) + row.channel.length + ROW_OVERHEAD_BYTES;
    return bytes > maxBytes;
  });
  return fits === -1 ? rows : rows.slice(0, Math.max(1, fits));
}
