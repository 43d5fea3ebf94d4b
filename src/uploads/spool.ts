// What waits to be uploaded, on disk: a file that has its name is whole, and has a row. Where the end came between the two, the next
// start gives a picture its row; a slice of a log or backup goes, since its row would have said how far they are, so that it is cut
// again. A row without its file is forgotten. Bounded in bytes and age.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { crashPoint } from '../base/index.ts';
import type { UploadRow, UploadRows } from '../outbox/index.ts';
import { fileName, type NewUpload, rowOf } from './item.ts';
import { isSlice, surplus } from './order.ts';

export interface SpoolOptions {
  readonly folder: string;
  readonly rows: UploadRows;
  /** Bytes. */
  readonly maxBytes: number;
  /** Milliseconds of running time. */
  readonly maxAgeMs: number;
  /** The robot's total running time, in milliseconds. */
  readonly ranMs: () => number;
  /** Told of what was given up, and why. */
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

  /** Ends what a crash left half done, in either way. @throws where the folder can't be used. */
  open(): void {
    const { folder, rows, ranMs } = this.#options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const file of rows.told()) this.#remove(file);
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
   * Durable when it resolves.
   * @param within runs in the transaction of the row.
   * @param onBegun told of it when it is about to be written.
   * @returns undefined where there was no room for something of so little worth.
   * @throws a full disk's error.
   */
  put(upload: NewUpload, within?: () => void, onBegun?: (row: UploadRow) => void): Promise<UploadRow | undefined> {
    const done = this.#writing.then(() => this.#put(upload, within, onBegun));
    this.#writing = done.catch(() => {});
    return done;
  }

  /** Gives up what is too old or too much. */
  trim(): void {
    const { maxAgeMs, maxBytes, ranMs } = this.#options;
    const oldest = ranMs() - maxAgeMs;
    this.#drop(
      this.#rows.filter((row) => row.ranMs < oldest),
      'age',
    );
    this.#drop(surplus(this.#rows, maxBytes), 'space');
  }

  /** Forgets one whose event is written, or that can never be uploaded. */
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
    const over = surplus([...this.#rows, row], maxBytes);
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

  /** The file first: a row without a file is forgotten at the next start, a file without a row would be sent. */
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
