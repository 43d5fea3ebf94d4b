// Measures how full the file is, and manages the ballast: a file of zeros beside the database. Its release on a full disk frees space for
// alerts, and for the WAL, which also grows when rows are deleted.
import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../base/index.ts';
import type { Db } from './schema.ts';

/** With less free disk space the outbox will soon fail to write. The ballast and a WAL of the same size need this space. */
export const LEAST_FREE_BYTES = 16 * 1024 ** 2;

/** The number of files that mke2fs plans for these bytes (inode_ratio in /etc/mke2fs.conf). Each new log, image or WAL needs an inode. */
export const LEAST_FREE_FILES = LEAST_FREE_BYTES / 16_384;

/** This last part of the file is reserved for alerts. Before other rows use it, older rows are evicted. */
const ALERT_RESERVE = 0.05;

/** The ballast is this part of the file's size limit, and at most {@link BALLAST_BYTES}: enough for a few thousand alerts. */
const BALLAST_SHARE = 1 / 16;
const BALLAST_BYTES = 8 * 1024 ** 2;
const CHUNK = Buffer.alloc(64 * 1024);

/** SQLITE_IOERR_SHMSIZE means that the disk has no space for the shared-memory index of a database in WAL mode. */
const FULL = ['SQLITE_FULL', 'ENOSPC', 'SQLITE_IOERR_WRITE', 'SQLITE_IOERR_SHMSIZE'];

/** Released ballast is restored at most this often. */
const REFILL_EVERY_MS = 2_000;

export class Space {
  readonly #db: Db;
  readonly #ballast: string;
  readonly #ballastBytes: number;
  #isWhole = false;
  #triedMs = 0;

  /** @param maxBytes size limit of the database file. */
  constructor(db: Db, stateDir: string, maxBytes: number) {
    this.#db = db;
    this.#ballast = ballastFile(stateDir);
    this.#ballastBytes = Math.floor(Math.min(maxBytes * BALLAST_SHARE, BALLAST_BYTES));
  }

  /** Whether only alerts may still be added. */
  isNearlyFull(): boolean {
    const pragma = (name: string) => Number(this.#db.pragma(name, { simple: true }));
    return pragma('page_count') - pragma('freelist_count') > pragma('max_page_count') * (1 - ALERT_RESERVE);
  }

  /** @returns false if there was no ballast. */
  releaseBallast(): boolean {
    if (sizeOf(this.#ballast) === 0) return false;
    rmSync(this.#ballast, { force: true });
    this.#isWhole = false;
    return true;
  }

  /** Restores released ballast, at most every {@link REFILL_EVERY_MS}. @param nowMs monotonic time. */
  refillBallast(nowMs: number): void {
    if (this.#isWhole || nowMs - this.#triedMs < REFILL_EVERY_MS) return;
    this.#triedMs = nowMs;
    this.restoreBallast();
  }

  /**
   * Writes the ballast as real zeros, because a hole in a file reserves no space. If the disk has too little space, the written part stays
   * and serves the next commits or the next start.
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

export function ballastFile(stateDir: string): string {
  return join(stateDir, 'ballast');
}

/**
 * Runs `work`. If the disk is full, releases the ballast of `stateDir` and runs `work` again. This is enough for the small writes of a start.
 * @throws the error of `work`.
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

/** Runs `work`. @returns false if the disk is full or the file has reached its size limit. @throws any other error */
export function unlessFull(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    return false;
  }
}

/** @returns 0 if the file cannot be read. */
export function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}
