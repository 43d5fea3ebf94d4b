// Reads the log files as lines, or as compressed slices for an upload. The log may be written by another process at the same time.
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createGunzip, gzip } from 'node:zlib';
import * as z from 'zod';
import { codeOf, logLine } from '../base/index.ts';

const position = z.object({
  file: z.int().min(0),
  /** In bytes of uncompressed text. */
  offset: z.int().min(0),
});

export type LogPosition = Readonly<z.infer<typeof position>>;

export interface LogFileInfo {
  readonly number: number;
  readonly path: string;
  readonly isCompressed: boolean;
  /** Size on disk. */
  readonly bytes: number;
  /** When the file was last written to, in wall time. */
  readonly writtenMs: number;
}

const NAME = /^agent\.(\d{6,15})\.log(\.gz)?$/;
const LINE_END = 0x0a;
export const COMPRESSED = '.gz';

/** @returns the path of an uncompressed log file. The file with the highest number is still being written. Older ones are compressed. */
export function logPath(folder: string, number: number): string {
  return join(folder, `agent.${String(number).padStart(6, '0')}.log`);
}

/** @returns the files, oldest first. If a crash has left both N.log and N.log.gz, the uncompressed file is used. */
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
      // The file has just been compressed or deleted.
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
  return [...found.values()].sort((a, b) => a.number - b.number);
}

/** Reads a file's uncompressed text from an offset on. Yields nothing if the file has been deleted in the meantime. */
export async function* readLog(folder: string, { file, offset }: LogPosition): AsyncGenerator<Buffer> {
  const plain = logPath(folder, file);
  if (existsSync(plain)) {
    try {
      yield* createReadStream(plain, { start: offset }) as AsyncIterable<Buffer>;
      return;
    } catch (error) {
      // The file was compressed between `existsSync` and opening it, so read the compressed file.
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

/** Reads complete lines from a position to the end of the last file. A line that is still being written is left out. */
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

/** A slice holds complete lines and can be decompressed without the others. */
export interface LogSlice {
  readonly bytes: Buffer;
  readonly next: LogPosition;
  readonly isLast: boolean;
  readonly about: { readonly from: LogPosition; readonly to: LogPosition; readonly lines: number };
}

/**
 * Cuts the log into slices. If lines were deleted before they could be uploaded, the first line of the first slice reports this.
 * @param from a stored position. Any other value means the oldest line.
 * @param end the position after the last line to include.
 * @param sliceBytes the maximum uncompressed size. A longer line becomes a slice of its own.
 */
export async function* logSlices(folder: string, from: unknown, end: LogPosition, sliceBytes: number): AsyncGenerator<LogSlice> {
  const known = position.safeParse(from).data;
  const oldest = { file: logFiles(folder)[0]?.number ?? 0, offset: 0 };
  // A position beyond the end refers to files that no longer exist.
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
    const text = logLine(line.text);
    if (bytes > 0 && bytes + text.length > sliceBytes) yield await slice(false);
    texts.push(text);
    bytes += Buffer.byteLength(text);
    next = line.next;
  }
  if (texts.length > 0) yield await slice(true);
}

/** @returns a log line about the log itself. */
export function ownLine(level: 'info' | 'warn', event: string, fields: object, msg: string): string {
  return `${JSON.stringify({ level, time: new Date().toISOString(), event, ...fields, msg })}\n`;
}

function isAfter(position: LogPosition, end: LogPosition): boolean {
  return position.file > end.file || (position.file === end.file && position.offset > end.offset);
}
