// Reads the log's files as lines, or as compressed slices for an upload. Another process may write the log at the same time.
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createGunzip, gzip } from 'node:zlib';
import * as z from 'zod';
import { codeOf } from '../base/index.ts';

const position = z.object({
  file: z.int().min(0),
  /** Bytes of uncompressed text. */
  offset: z.int().min(0),
});

export type LogPosition = Readonly<z.infer<typeof position>>;

export interface LogFileInfo {
  readonly number: number;
  readonly path: string;
  readonly isCompressed: boolean;
  /** Size on disk. */
  readonly bytes: number;
  /** Wall time of the last write. */
  readonly writtenMs: number;
}

const NAME = /^agent\.(\d{6,15})\.log(\.gz)?$/;
const LINE_END = 0x0a;
export const COMPRESSED = '.gz';

/** The file with the highest number is open for writing; the others are compressed. */
export function logPath(folder: string, number: number): string {
  return join(folder, `agent.${String(number).padStart(6, '0')}.log`);
}

/** @returns the files, oldest first. If a crash left both N.log and N.log.gz, the uncompressed file is used. */
export function logFiles(folder: string): LogFileInfo[] {
  const found = new Map<number, LogFileInfo>();
  for (const name of readdirSync(folder).sort()) {
    const [, digits, compressed] = NAME.exec(name) ?? [];
    const number = Number(digits);
    if (digits === undefined || found.has(number)) continue;
    const path = join(folder, name);
    try {
      const { size: bytes, mtimeMs: writtenMs } = statSync(path);
      found.set(number, { number, path, isCompressed: compressed !== undefined, bytes, writtenMs });
    } catch (error) {
      // The file was compressed or removed just now.
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
  return [...found.values()].sort((a, b) => a.number - b.number);
}

/** Reads the uncompressed text of a file from an offset. Yields nothing if the file was removed in the meantime. */
export async function* readLog(folder: string, { file, offset }: LogPosition): AsyncGenerator<Buffer> {
  const plain = logPath(folder, file);
  if (existsSync(plain)) {
    try {
      yield* createReadStream(plain, { start: offset }) as AsyncIterable<Buffer>;
      return;
    } catch (error) {
      // The file was compressed between the check and the opening.
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
  if (!existsSync(plain + COMPRESSED)) return;
  let skip = offset;
  const packed = createReadStream(plain + COMPRESSED);
  const unpacked = packed.pipe(createGunzip());
  packed.on('error', (error) => unpacked.destroy(error));
  for await (const chunk of unpacked as AsyncIterable<Buffer>) {
    if (skip < chunk.length) yield chunk.subarray(skip);
    skip = Math.max(0, skip - chunk.length);
  }
}

/** Reads complete lines from a position to the end of the last file, without a line that is still being written. */
export async function* readLines(folder: string, from: LogPosition): AsyncGenerator<{ readonly text: string; readonly next: LogPosition }> {
  for (const { number } of logFiles(folder)) {
    if (number < from.file) continue;
    let offset = number === from.file ? from.offset : 0;
    let rest = Buffer.alloc(0);
    for await (const chunk of readLog(folder, { file: number, offset })) {
      rest = Buffer.concat([rest, chunk]);
      for (let end = rest.indexOf(LINE_END); end >= 0; end = rest.indexOf(LINE_END)) {
        offset += end + 1;
        yield { text: rest.toString('utf8', 0, end), next: { file: number, offset } };
        rest = rest.subarray(end + 1);
      }
    }
  }
}

/** Complete lines, which can be decompressed without the other slices. */
export interface LogSlice {
  readonly bytes: Buffer;
  readonly next: LogPosition;
  readonly isLast: boolean;
  readonly about: { readonly from: LogPosition; readonly to: LogPosition; readonly lines: number };
}

/**
 * Cuts the log into slices. If lines were removed from disk before their upload, the first line of the first slice reports that.
 * @param from a stored position; any other value means the oldest line.
 * @param end the position after the last line.
 * @param sliceBytes largest uncompressed size; a longer line is a slice of its own.
 */
export async function* logSlices(folder: string, from: unknown, end: LogPosition, sliceBytes: number): AsyncGenerator<LogSlice> {
  const known = position.safeParse(from).data;
  const oldest = { file: logFiles(folder)[0]?.number ?? 0, offset: 0 };
  // A position after the end belongs to files that no longer exist.
  const begun = known && !isAfter(known, end) ? known : oldest;
  const isGone = begun.file < oldest.file;
  let start = isGone ? oldest : begun;
  let next = start;
  const msg = 'lines between these positions were removed before their upload: see logs.max_size and logs.max_age';
  let texts: string[] = isGone ? [ownLine('warn', 'log_lines_dropped', { from: begun, to: oldest }, msg)] : [];
  let bytes = 0;
  const slice = async (isLast: boolean): Promise<LogSlice> => {
    const about = { from: start, to: next, lines: texts.length };
    const cut = { bytes: await promisify(gzip)(texts.join('')), next, isLast, about };
    [start, texts, bytes] = [next, [], 0];
    return cut;
  };
  for await (const line of readLines(folder, start)) {
    if (isAfter(line.next, end)) break;
    const text = `${line.text}\n`;
    if (bytes > 0 && bytes + text.length > sliceBytes) yield await slice(false);
    texts.push(text);
    bytes += Buffer.byteLength(text);
    next = line.next;
  }
  if (texts.length > 0) yield await slice(true);
}

/** @returns a line of the log about the log itself. */
export function ownLine(level: 'info' | 'warn', event: string, fields: object, msg: string): string {
  return `${JSON.stringify({ level, time: new Date().toISOString(), event, ...fields, msg })}\n`;
}

function isAfter(position: LogPosition, end: LogPosition): boolean {
  return position.file > end.file || (position.file === end.file && position.offset > end.offset);
}
