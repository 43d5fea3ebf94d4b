// The log from a position, as slices of complete lines. Each slice is compressed by itself and can be read without the others. If lines
// were removed from disk before their upload, a line in their place says so.
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
 * @param from a remembered position; any other value means the oldest line.
 * @param end lines from this position on are left out.
 * @param sliceBytes largest uncompressed size; a longer line is a slice of its own.
 */
export async function* logSlices(folder: string, from: unknown, end: LogPosition, sliceBytes: number): AsyncGenerator<LogSlice> {
  const known = position.safeParse(from).data;
  const oldest = { file: logFiles(folder)[0]?.number ?? 0, offset: 0 };
  // A position beyond the end belongs to files that no longer exist.
  const begun = known && !isBeyond(known, end) ? known : oldest;
  const isGone = begun.file < oldest.file;
  let start = isGone ? oldest : begun;
  let next = start;
  let texts: string[] = isGone ? [droppedLine(begun, oldest)] : [];
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

function droppedLine(from: LogPosition, to: LogPosition): string {
  const msg = 'lines between these positions were removed before their upload: see logs.max_size and logs.max_age';
  return `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), event: 'log_lines_dropped', from, to, msg })}\n`;
}

function isBeyond(position: LogPosition, end: LogPosition): boolean {
  return position.file > end.file || (position.file === end.file && position.offset > end.offset);
}
