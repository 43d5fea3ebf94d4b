// Keeps files on disk until they are uploaded, within limits on size and age. Every file under its final name is complete and has a row. A
// crash may leave a file without its row, which the next startup repairs: a picture gets its row, whereas a slice is deleted, because it
// will be cut again from the recorded position. A row without a file is deleted.
import { createHash } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { open, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crashPoint, makeFolder } from '../base/index.ts';
import type { UploadRow, UploadRows } from '../outbox/index.ts';
import { fileName, type NewUpload, rowOf } from './item.ts';
import { isSlice, rowsToDrop } from './order.ts';

export interface SpoolOptions {
  readonly folder: string;
  readonly rows: UploadRows;
  /** In bytes. */
  readonly maxBytes: number;
  /** In milliseconds of running time. */
  readonly maxAgeMs: number;
  /** Returns the agent's running time over all runs, in milliseconds. */
  readonly ranMs: () => number;
  readonly onDropped: (rows: readonly UploadRow[], reason: 'space' | 'age') => void;
}

const UNFINISHED = '.part';

export class Spool {
  readonly #options: SpoolOptions;
  #rows: UploadRow[] = [];
  #writing: Promise<unknown> = Promise.resolve();
  #parts = 0;

  constructor(options: SpoolOptions) {
    this.#options = options;
  }

  /** Loads the rows and repairs what a crash left behind. @throws an error from the file system if the directory is unusable. */
  open(): void {
    const { folder, rows, ranMs } = this.#options;
    makeFolder(folder, 0o700);
    for (const file of rows.reported()) this.#remove(file);
    const known = new Map(rows.waiting().map((row) => [row.file, row]));
    const files = new Set(readdirSync(folder));
    for (const file of files) {
      if (known.has(file)) continue;
      const row = rowOf(file, statSync(join(folder, file)).size, ranMs());
      if (row && !isSlice(row)) rows.add(row);
      else if (row || file.endsWith(UNFINISHED)) rmSync(join(folder, file), { force: true });
    }
    for (const file of known.keys()) if (!files.has(file)) rows.forget(file);
    this.#rows = rows.waiting();
    this.trim();
  }

  get waiting(): readonly UploadRow[] {
    return this.#rows;
  }

  pathOf({ file }: UploadRow): string {
    return join(this.#options.folder, file);
  }

  /**
   * Spools a file. Concurrent calls are queued.
   * @param within runs in the transaction that adds the row.
   * @param onBegin called just before the file is written.
   * @returns the row, which is durable; undefined if more valuable files use up the space.
   * @throws an error from the file system or SQLite, for example if the disk is full.
   */
  put(upload: NewUpload, within?: () => void, onBegin?: (row: UploadRow) => void): Promise<UploadRow | undefined> {
    const done = this.#writing.then(() => this.#put(upload, within, onBegin));
    this.#writing = done.catch(() => {});
    return done;
  }

  /** Drops files until the spool is within its limits. */
  trim(): void {
    const { maxAgeMs, maxBytes, ranMs } = this.#options;
    const oldest = ranMs() - maxAgeMs;
    this.#drop(
      this.#rows.filter((row) => row.ranMs < oldest),
      'age',
    );
    this.#drop(rowsToDrop(this.#rows, maxBytes), 'space');
  }

  /** Removes a file that has been uploaded or refused. */
  remove(row: UploadRow): void {
    this.#rows = this.#rows.filter(({ file }) => file !== row.file);
    this.#remove(row.file);
  }

  async #put(upload: NewUpload, within?: () => void, onBegin?: (row: UploadRow) => void): Promise<UploadRow | undefined> {
    const { folder, rows, ranMs, maxBytes, onDropped } = this.#options;
    const sha256 = createHash('sha256').update(upload.bytes).digest('hex');
    const { kind, takenAtMs, incident } = upload;
    const row: UploadRow = { file: fileName(upload, sha256), kind, size: upload.bytes.length, sha256, takenAtMs, incident, ranMs: ranMs() };
    const known = this.#rows.find(({ file }) => file === row.file);
    if (known) {
      rows.add(known, within);
      return known;
    }
    const excess = rowsToDrop([...this.#rows, row], maxBytes);
    if (excess.includes(row)) {
      onDropped([row], 'space');
      return undefined;
    }
    this.#drop(excess, 'space');
    onBegin?.(row);
    await this.#write(row.file, upload.bytes);
    crashPoint('spool_renamed');
    try {
      rows.add(row, within);
    } catch (error) {
      rmSync(join(folder, row.file), { force: true });
      throw error;
    }
    crashPoint('spool_recorded');
    this.#rows.push(row);
    return row;
  }

  async #write(file: string, bytes: Buffer): Promise<void> {
    const { folder } = this.#options;
    const part = join(folder, `${++this.#parts}${UNFINISHED}`);
    try {
      await writeFile(part, bytes, { mode: 0o600, flush: true });
      crashPoint('spool_written');
      await rename(part, join(folder, file));
      // A rename is only durable once the directory has been synced.
      const opened = await open(folder, 'r');
      await opened.sync().finally(() => opened.close());
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
  }

  #drop(rows: readonly UploadRow[], reason: 'space' | 'age'): void {
    for (const row of rows) this.remove(row);
    if (rows.length > 0) this.#options.onDropped(rows, reason);
  }

  /** Deletes the file before its row. The other way round, a crash in between would leave a file that `open` adds again. */
  #remove(file: string): void {
    rmSync(join(this.#options.folder, file), { force: true });
    this.#options.rows.forget(file);
  }
}
