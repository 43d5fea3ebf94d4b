// Files that wait for their upload, on disk. A file with its final name is whole and has a row. After a crash between the two, the next start
// adds the row of a picture; it deletes a slice of a log or backup, because the missing row would have recorded the progress, and the slice is
// cut again. A row without its file is deleted. Bounded in bytes and age.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { crashPoint } from '../base/index.ts';
import type { UploadRow, UploadRows } from '../outbox/index.ts';
import { fileName, type NewUpload, rowOf } from './item.ts';
import { isSlice, overLimit } from './order.ts';

export interface SpoolOptions {
  readonly folder: string;
  readonly rows: UploadRows;
  /** Bytes. */
  readonly maxBytes: number;
  /** Milliseconds of running time. */
  readonly maxAgeMs: number;
  /** The robot's total running time, in milliseconds. */
  readonly ranMs: () => number;
  /** Called with the dropped rows and the reason. */
  readonly onDropped: (rows: readonly UploadRow[], why: 'space' | 'age') => void;
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

  /** Completes or undoes what a crash interrupted. @throws the disk's error if the folder cannot be used. */
  open(): void {
    const { folder, rows, ranMs } = this.#options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const file of rows.reported()) this.#remove(file);
    const known = new Map(rows.waiting().map((row) => [row.file, row]));
    const there = new Set(readdirSync(folder));
    for (const file of there) {
      if (known.has(file)) continue;
      const row = rowOf(file, statSync(join(folder, file)).size, ranMs());
      if (row && !isSlice(row)) rows.add(row);
      else if (row || file.endsWith(UNFINISHED)) rmSync(join(folder, file), { force: true });
    }
    for (const file of known.keys()) if (!there.has(file)) rows.forget(file);
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
   * @param within runs in the transaction of the row.
   * @param onBegun called when the file is about to be written.
   * @returns the row once it is durable; undefined if there was no space for an upload of this value.
   * @throws the error of a full disk.
   */
  put(upload: NewUpload, within?: () => void, onBegun?: (row: UploadRow) => void): Promise<UploadRow | undefined> {
    const done = this.#writing.then(() => this.#put(upload, within, onBegun));
    this.#writing = done.catch(() => {});
    return done;
  }

  /** Drops files above the limits of age and bytes. */
  trim(): void {
    const { maxAgeMs, maxBytes, ranMs } = this.#options;
    const oldest = ranMs() - maxAgeMs;
    this.#drop(
      this.#rows.filter((row) => row.ranMs < oldest),
      'age',
    );
    this.#drop(overLimit(this.#rows, maxBytes), 'space');
  }

  /** Removes a file whose event is written, or that can never be uploaded. */
  remove(row: UploadRow): void {
    this.#rows = this.#rows.filter(({ file }) => file !== row.file);
    this.#remove(row.file);
  }

  async #put(upload: NewUpload, within?: () => void, onBegun?: (row: UploadRow) => void): Promise<UploadRow | undefined> {
    const { folder, rows, ranMs, maxBytes, onDropped } = this.#options;
    const sha256 = createHash('sha256').update(upload.bytes).digest('hex');
    const { kind, takenAtMs, incident } = upload;
    const row: UploadRow = { file: fileName(upload, sha256), kind, size: upload.bytes.length, sha256, takenAtMs, incident, ranMs: ranMs() };
    const known = this.#rows.find(({ file }) => file === row.file);
    if (known) {
      rows.add(known, within);
      return known;
    }
    const over = overLimit([...this.#rows, row], maxBytes);
    if (over.includes(row)) {
      onDropped([row], 'space');
      return undefined;
    }
    this.#drop(over, 'space');
    onBegun?.(row);
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
      const handle = await open(part, 'w', 0o600);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      crashPoint('spool_written');
      await rename(part, join(folder, file));
      await syncFolder(folder);
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
  }

  #drop(rows: readonly UploadRow[], why: 'space' | 'age'): void {
    for (const row of rows) this.remove(row);
    if (rows.length > 0) this.#options.onDropped(rows, why);
  }

  /** The file first: the next start deletes a row without a file, but would send a file without a row. */
  #remove(file: string): void {
    rmSync(join(this.#options.folder, file), { force: true });
    this.#options.rows.forget(file);
  }
}

/** A rename is on disk once its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
