// The log's files: agent.000017.log is written, files with lower numbers are compressed. A position in the log is a file number and an
// offset into its uncompressed text. Reading works while another process writes.
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { codeOf } from '../base/index.ts';

export interface LogPosition {
  readonly file: number;
  /** Bytes of uncompressed text. */
  readonly offset: number;
}

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
export const COMPRESSED = '.gz';

export function logPath(folder: string, number: number): string {
  return join(folder, `agent.${String(number).padStart(6, '0')}.log`);
}

/** Oldest first. If a crash left both N.log and N.log.gz, the uncompressed file wins. */
export function logFiles(folder: string): LogFileInfo[] {
  const found = new Map<number, LogFileInfo>();
  for (const name of readdirSync(folder).sort()) {
    const [, number, compressed] = NAME.exec(name) ?? [];
    if (number === undefined || found.has(Number(number))) continue;
    const path = join(folder, name);
    try {
      const { size: bytes, mtimeMs: writtenMs } = statSync(path);
      found.set(Number(number), { number: Number(number), path, isCompressed: compressed !== undefined, bytes, writtenMs });
    } catch (error) {
      // The file was compressed or removed just now.
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
  return [...found.values()].sort((a, b) => a.number - b.number);
}

/** Reads the uncompressed text of a file from an offset. Yields nothing if the file was removed meanwhile. */
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

export const LINE_END = 0x0a;
