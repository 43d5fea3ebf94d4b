// Writes the log to files of limited total size and age, and compresses the older ones. Each line is written before the logging call
// returns, so that a crash loses none. Logging must never throw: lines that cannot be written are counted, and the count is logged once
// writing works again.
import {
  closeSync,
  createReadStream,
  createWriteStream,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { makeFolder, messageOf } from '../base/index.ts';
import { COMPRESSED, type LogFileInfo, type LogPosition, logFiles, logPath, ownLine } from './read.ts';

export interface LogFileOptions {
  readonly folder: string;
  /** Limits the total size of all log files on disk. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  /** Milliseconds since 1970, or undefined while the clock is untrusted. In that case no file is deleted because of its age. */
  readonly nowMs: () => number | undefined;
}

const MIB = 1024 ** 2;
/** The largest size of one file. Old lines are deleted one whole file at a time. */
const FILE_BYTES = 4 * MIB;
const FILES_AT_LEAST = 4;
const DAY_MS = 86_400_000;
/** How many lines are kept in memory until the file is open, such as warnings about the configuration. */
const WAITING_LINES = 1_000;

const UNFINISHED = '.part';
/** The last event of an agent that stopped on request. If it is missing, the agent crashed or was killed. */
const CLOSED = 'log_closed';

/**
 * Has no side effects. @returns the files to delete: files that are too old, and the oldest ones while the total is too large. Never the
 * last file, because it is in use.
 */
function expiredLogs(files: readonly LogFileInfo[], maxBytes: number, oldestMs: number): LogFileInfo[] {
  let over = files.reduce((sum, { bytes }) => sum + bytes, 0) - maxBytes;
  return files.slice(0, -1).filter(({ bytes, writtenMs }) => {
    if (writtenMs >= oldestMs && over <= 0) return false;
    over -= bytes;
    return true;
  });
}

export class LogFile {
  #options: LogFileOptions | undefined;
  #descriptor: number | undefined;
  #number = 0;
  #size = 0;
  #begunMs = 0;
  #waiting: string[] = [];
  #isTorn = false;
  #unwritten = 0;
  #trouble: string | undefined;
  #compressing: Promise<void> = Promise.resolve();

  /**
   * Continues the previous agent's log.
   * @returns whether that agent ended without closing its log.
   * @throws if the directory is unusable.
   */
  open(options: LogFileOptions): { readonly crashed: boolean } {
    const { folder } = options;
    makeFolder(folder, 0o700);
    for (const name of readdirSync(folder)) if (name.endsWith(UNFINISHED)) rmSync(join(folder, name), { force: true });
    const last = logFiles(folder).at(-1);
    const end = last && !last.isCompressed ? endOf(last) : '';
    const isWhole = last !== undefined && !last.isCompressed && (end === '' || end.endsWith('\n'));
    this.#options = options;
    this.#begin(isWhole ? last.number : (last?.number ?? 0) + 1);
    for (const { number, isCompressed } of logFiles(folder)) if (number < this.#number && !isCompressed) this.#compress(number);
    this.maintain();
    for (const line of this.#waiting.splice(0)) this.write(line);
    return { crashed: end !== '' && !end.trimEnd().split('\n').at(-1)?.includes(`"event":"${CLOSED}"`) };
  }

  get isOpen(): boolean {
    return this.#descriptor !== undefined;
  }

  /** The position of the next line. */
  get end(): LogPosition {
    return { file: this.#number, offset: this.#size };
  }

  /** Why lines currently cannot be written. Undefined if they can. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** @param line must end with a line break. */
  write(line: string): void {
    if (this.#descriptor === undefined) {
      this.#waiting.push(line);
      if (this.#waiting.length > WAITING_LINES) this.#waiting.shift();
      return;
    }
    try {
      this.#put(this.#isTorn ? `\n${line}` : line);
      if (this.#unwritten > 0) {
        const lines = this.#unwritten;
        this.#put(ownLine('warn', 'log_lines_lost', { lines }, `${lines} lines before this could not be written`));
        this.#unwritten = 0;
      }
      this.#trouble = undefined;
    } catch (error) {
      this.#isTorn = true;
      this.#unwritten++;
      this.#trouble = messageOf(error);
    }
    if (this.#size >= this.#fileBytes()) this.#rotate();
  }

  /** Once this returns, a power cut can no longer lose any earlier line. */
  sync(): void {
    if (this.#descriptor !== undefined) fsyncSync(this.#descriptor);
  }

  /** Starts a new file each day, so that old lines can expire, and deletes expired files. Must be called regularly. */
  maintain(): void {
    const options = this.#options;
    if (!options || this.#descriptor === undefined) return;
    if (this.#size > 0 && performance.now() - this.#begunMs > DAY_MS) this.#rotate();
    try {
      const oldestMs = (options.nowMs() ?? 0) - options.maxAgeMs;
      for (const { path } of expiredLogs(logFiles(options.folder), options.maxBytes, oldestMs)) rmSync(path, { force: true });
    } catch (error) {
      this.#trouble = messageOf(error);
    }
  }

  /** Records that the log ends on request. Later lines are kept in memory until the log is opened again. */
  async close(): Promise<void> {
    if (this.#descriptor === undefined) return;
    this.write(ownLine('info', CLOSED, {}, 'the agent stopped on request'));
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    closeSync(descriptor);
    await this.#compressing;
  }

  #fileBytes(): number {
    return Math.min(FILE_BYTES, Math.floor((this.#options?.maxBytes ?? 0) / FILES_AT_LEAST));
  }

  #begin(number: number): void {
    const path = logPath(this.#options?.folder ?? '', number);
    this.#descriptor = openSync(path, 'a', 0o600);
    this.#number = number;
    this.#size = statSync(path).size;
    this.#begunMs = performance.now();
    this.#isTorn = false;
  }

  #put(text: string): void {
    const bytes = Buffer.from(text);
    for (let written = 0; written < bytes.length; ) {
      const count = writeSync(Number(this.#descriptor), bytes, written);
      written += count;
      this.#size += count;
    }
    this.#isTorn = false;
  }

  /** If the new file cannot be opened, the old file keeps growing, and the next line tries again. */
  #rotate(): void {
    const [before, ended] = [this.#descriptor, this.#number];
    try {
      this.#begin(ended + 1);
      if (before !== undefined) closeSync(before);
    } catch (error) {
      this.#trouble = messageOf(error);
      return;
    }
    this.#compress(ended);
    this.maintain();
  }

  /**
   * Compresses a file in the background, once earlier files are done. If this fails, the file stays uncompressed until the log is next
   * opened.
   */
  #compress(number: number): void {
    const path = logPath(this.#options?.folder ?? '', number);
    this.#compressing = this.#compressing.then(() => compress(path)).catch(() => rmSync(path + COMPRESSED + UNFINISHED, { force: true }));
  }
}

async function compress(path: string): Promise<void> {
  const unfinished = path + COMPRESSED + UNFINISHED;
  await pipeline(createReadStream(path), createGzip(), createWriteStream(unfinished, { mode: 0o600 }));
  const { atime, mtime } = statSync(path);
  const handle = await open(unfinished, 'r+');
  try {
    // Keep the time of the last line, because it decides when the file expires.
    await handle.utimes(atime, mtime);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(unfinished, path + COMPRESSED);
  rmSync(path, { force: true });
}

const END_BYTES = 4_096;

/** @returns the last END_BYTES of a file. */
function endOf({ path, bytes }: LogFileInfo): string {
  const length = Math.min(bytes, END_BYTES);
  const buffer = Buffer.alloc(length);
  const descriptor = openSync(path, 'r');
  try {
    return buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, length, bytes - length));
  } finally {
    closeSync(descriptor);
  }
}
