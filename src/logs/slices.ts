// The log from a place on, as slices of whole lines, each compressed by itself: whoever has one can read it without the others. Lines
// that were given up on disk before their turn came leave a line that says so in their place.
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import * as z from 'zod';
import { type LogPosition, logFiles, readLines } from './files.ts';

const compress = promisify(gzip);

export interface LogSlice {
  readonly bytes: Buffer;
  readonly next: LogPosition;
  readonly isLast: boolean;
  readonly about: { readonly from: LogPosition; readonly to: LogPosition; readonly lines: number };
}

const position = z.object({ file: z.int().min(0), offset: z.int().min(0) });

/**
 * @param from a remembered position; anything else is the oldest line there is.
 * @param end nothing from here on.
 * @param sliceBytes uncompressed, at most; one longer line is a slice of its own.
 */
export async function* logSlices(folder: string, from: unknown, end: LogPosition, sliceBytes: number): AsyncGenerator<LogSlice> {
  const known = position.safeParse(from).data;
  const oldest = { file: logFiles(folder)[0]?.number ?? 0, offset: 0 };
  // A place beyond the end is one of files that are gone.
  const begun = known && !isBeyond(known, end) ? known : oldest;
  const isGone = begun.file < oldest.file;
  let start = isGone ? oldest : begun;
  let next = start;
  let texts: string[] = isGone ? [givenUp(begun, oldest)] : [];
  let bytes = 0;
  const slice = async (isLast: boolean): Promise<LogSlice> => {
    const about = { from: start, to: next, lines: texts.length };
    const cut = { bytes: await compress(texts.join('')), next, isLast, about };
    [start, texts, bytes] = [next, [], 0];
    return cut;
  };
  for await (const line of readLines(folder, start)) {
    if (isBeyond(line.next, end)) break;
    const text = `${line.text}\n`;
    if (bytes > 0 && bytes + text.length > sliceBytes) yield await slice(false);
    texts.push(text);
    bytes += Buffer.byteLength(text);
    next = line.next;
  }
  if (texts.length > 0) yield await slice(true);
}

function givenUp(from: LogPosition, to: LogPosition): string {
  const msg = 'lines between these places were given up on disk before they were shipped: logs.max_size, logs.max_age';
  return `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), event: 'log_lines_dropped', from, to, msg })}\n`;
}

function isBeyond(one: LogPosition, other: LogPosition): boolean {
  return one.file > other.file || (one.file === other.file && one.offset > other.offset);
}
