// How full the file is, and the ballast: a file of zeros beside the database that is given back to the disk when that is full, so
// that deleting rows, which needs space in the WAL, still works, and alerts are still written.
import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../base/index.ts';
import { type Db, PAGE_BYTES } from './schema.ts';

/** With less free disk space the outbox will soon fail to write: twice the ballast, for the ballast and a WAL of the same size. */
export const LEAST_FREE_BYTES = 16 * 1024 ** 2;

/** As many files as mke2fs plans for so many bytes (inode_ratio of /etc/mke2fs.conf): a new log, picture or WAL needs an inode. */
export const LEAST_FREE_FILES = LEAST_FREE_BYTES / 16_384;

/** This last part of the file is reserved for alerts: before another row uses it, older rows are evicted. */
const ALERT_RESERVE = 0.05;

/** The ballast is this part of the file's bound, at most {@link BALLAST_BYTES}: enough for some thousand alerts. */
const BALLAST_SHARE = 1 / 16;
const BALLAST_BYTES = 8 * 1024 ** 2;
const CHUNK = Buffer.alloc(64 * 1024);

/** SQLITE_IOERR_SHMSIZE: a database in WAL mode is opened, and the disk has no space for its index in shared memory. */
const FULL = ['SQLITE_FULL', 'ENOSPC', 'SQLITE_IOERR_WRITE', 'SQLITE_IOERR_SHMSIZE'];

/** Released ballast is restored at most this often. */
const REFILL_EVERY_MS = 2_000;

export class Space {
  readonly #db: Db;
  readonly #ballast: string;
  readonly #ballastBytes: number;
  #isWhole = false;
  #triedMs = 0;

  /** @param maxBytes the bound of the database file. */
  constructor(db: Db, stateDir: string, maxBytes: number) {
    this.#db = db;
    this.#ballast = ballastFile(stateDir);
    this.#ballastBytes = Math.floor(Math.min(maxBytes * BALLAST_SHARE, BALLAST_BYTES));
  }

  /** Only alerts may still be added. */
  isNearlyFull(): boolean {
    const pragma = (name: string) => Number(this.#db.pragma(name, { simple: true }));
    return pragma('page_count') - pragma('freelist_count') > pragma('max_page_count') * (1 - ALERT_RESERVE);
  }

  /** Bytes of the database file. */
  get usedBytes(): number {
    return Number(this.#db.pragma('page_count', { simple: true })) * PAGE_BYTES;
  }

  /** @returns whether there was ballast to release. */
  releaseBallast(): boolean {
    if (sizeOf(this.#ballast) === 0) return false;
    rmSync(this.#ballast, { force: true });
    this.#isWhole = false;
    return true;
  }

  /** As {@link restoreBallast}, if ballast was released, and at most every {@link REFILL_EVERY_MS}. @param nowMs monotonic */
  refillBallast(nowMs: number): void {
    if (this.#isWhole || nowMs - this.#triedMs < REFILL_EVERY_MS) return;
    this.#triedMs = nowMs;
    this.restoreBallast();
  }

  /**
   * Writes the ballast again, as real zeros: a hole in a file reserves nothing. If the disk has space for a part only, that part is
   * kept for the next commits or the next start.
   */
  restoreBallast(): void {
    this.#isWhole = sizeOf(this.#ballast) === this.#ballastBytes;
    if (this.#isWhole) return;
    try {
      const file = openSync(this.#ballast, 'w', 0o600);
      try {
        for (let written = 0; written < this.#ballastBytes; ) {
          written += writeSync(file, CHUNK, 0, Math.min(CHUNK.length, this.#ballastBytes - written));
        }
        this.#isWhole = true;
      } finally {
        fsyncSync(file);
        closeSync(file);
      }
    } catch {
      // The disk has no space for all of the ballast now.
    }
  }
}

function ballastFile(stateDir: string): string {
  return join(stateDir, 'ballast');
}

/**
 * Runs `work`. If the disk is full, releases the ballast of `stateDir` and runs `work` again: for a start, whose writes are small.
 * @throws the error of `work`
 */
export function retryWithoutBallast<T>(stateDir: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    rmSync(ballastFile(stateDir), { force: true });
    return work();
  }
}

export function isDiskFull(error: unknown): boolean {
  const code = codeOf(error);
  return FULL.some((each) => each === code);
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}
