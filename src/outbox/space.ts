// Measures how full the file is and manages the ballast, a file of zeros next to the database. Deleting it on a full disk frees space for
// alerts, and for the WAL, which grows even when rows are deleted.
import { closeSync, fstatSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../base/index.ts';
import type { Db } from './schema.ts';

/** If the disk has less free space than this, writes will soon fail. Sized for the ballast and a WAL of the same size. */
export const LEAST_FREE_BYTES = 16 * 1024 ** 2;

/**
 * The same limit in inodes, at mke2fs's default ratio of one per 16 KiB (inode_ratio in /etc/mke2fs.conf). Every new log, image or WAL
 * needs an inode.
 */
export const LEAST_FREE_FILES = LEAST_FREE_BYTES / 16_384;

/** The share of the file that is reserved for alerts. Once only this is left, old rows are evicted before other rows are added. */
const ALERT_RESERVE = 0.05;

/** Pages that not even alerts may use, so that a file full of alerts can still be opened, and receipts and evictions free its pages. */
const BOOKKEEPING_PAGES = 8;

/** A writer and its part of the file: `any` has all but the reserve, `alerts` the reserve too, `bookkeeping` every page. */
export type PageUse = 'any' | 'alerts' | 'bookkeeping';

const RESERVED: Readonly<Record<PageUse, string>> = {
  any: 'only the space reserved for alerts is left',
  alerts: 'the outbox file is full of alerts',
  bookkeeping: 'the outbox file is full',
};

/** The ballast's size as a share of the file's size limit, capped at {@link BALLAST_BYTES}. That is enough for a few thousand alerts. */
const BALLAST_SHARE = 1 / 16;
const BALLAST_BYTES = 8 * 1024 ** 2;
const CHUNK = Buffer.alloc(64 * 1024);

/** SQLite reports SQLITE_IOERR_SHMSIZE if the disk has no space for the WAL's shared-memory index. */
const FULL = ['SQLITE_FULL', 'ENOSPC', 'SQLITE_IOERR_WRITE', 'SQLITE_IOERR_SHMSIZE'];

/** Minimum interval between attempts to restore the ballast. */
const REFILL_EVERY_MS = 2_000;

export class Space {
  readonly #db: Db;
  readonly #ballast: string;
  readonly #ballastBytes: number;
  readonly #pages: Readonly<Record<PageUse, number>>;
  #isWhole = false;
  #triedMs = 0;

  /** @param maxBytes size limit of the database, from which the ballast's size follows. */
  constructor(db: Db, stateDir: string, maxBytes: number) {
    this.#db = db;
    this.#ballast = ballastFile(stateDir);
    this.#ballastBytes = Math.floor(Math.min(maxBytes * BALLAST_SHARE, BALLAST_BYTES));
    const all = this.#pragma('max_page_count');
    this.#pages = { any: Math.floor(all * (1 - ALERT_RESERVE)), alerts: all - BOOKKEEPING_PAGES, bookkeeping: all };
  }

  /** Whether only the part reserved for alerts is left. */
  isNearlyFull(): boolean {
    return this.#usedPages > this.#pages.any;
  }

  /**
   * Keeps the reserve from every writer of this connection except those within {@link withPages}. SQLite enforces the limit. It permits a
   * file that is larger already, whose free pages {@link requireWithin} guards.
   */
  closeReserve(): void {
    this.#limitTo('any');
  }

  /** Runs `work`, which may use these pages. */
  withPages<T>(use: PageUse, work: () => T): T {
    this.#limitTo(use);
    try {
      return work();
    } finally {
      this.closeReserve();
    }
  }

  /**
   * Must be called in a transaction after its last insert: a file may have free pages beyond the limit.
   * @throws a full-disk error if the transaction uses pages that it may not use.
   */
  requireWithin(use: PageUse): void {
    if (this.#usedPages > this.#pages[use]) throw Object.assign(new Error(RESERVED[use]), { code: 'SQLITE_FULL' });
  }

  get #usedPages(): number {
    return this.#pragma('page_count') - this.#pragma('freelist_count');
  }

  #limitTo(use: PageUse): void {
    this.#db.pragma(`max_page_count = ${this.#pages[use]}`);
  }

  #pragma(name: string): number {
    return Number(this.#db.pragma(name, { simple: true }));
  }

  /** Deletes the ballast. @returns false if it does not exist or cannot be deleted. */
  releaseBallast(): boolean {
    if (sizeOf(this.#ballast) === 0) return false;
    this.#isWhole = false;
    try {
      rmSync(this.#ballast, { force: true });
      return true;
    } catch {
      // The file system has become read-only.
      return false;
    }
  }

  /** Restores the ballast if it is incomplete, at most once per {@link REFILL_EVERY_MS}. @param nowMs monotonic time. */
  refillBallast(nowMs: number): void {
    if (this.#isWhole || nowMs - this.#triedMs < REFILL_EVERY_MS) return;
    this.#triedMs = nowMs;
    this.restoreBallast();
  }

  /**
   * Writes actual zeros, because a sparse file would reserve no space. If the disk fills up, the part already written is kept as a smaller
   * ballast. A smaller ballast is extended and never rewritten: others could take the space that this frees.
   */
  restoreBallast(): void {
    const size = sizeOf(this.#ballast);
    this.#isWhole = size === this.#ballastBytes;
    if (this.#isWhole) return;
    try {
      const file = openSync(this.#ballast, size > this.#ballastBytes ? 'w' : 'a', 0o600);
      try {
        for (let written = fstatSync(file).size; written < this.#ballastBytes; ) {
          written += writeSync(file, CHUNK, 0, Math.min(CHUNK.length, this.#ballastBytes - written));
        }
        this.#isWhole = true;
      } finally {
        fsyncSync(file);
        closeSync(file);
      }
    } catch {
      // The disk is too full for the whole ballast. A later call tries again.
    }
  }
}

export function ballastFile(stateDir: string): string {
  return join(stateDir, 'ballast');
}

/**
 * Runs `work`. If the disk is full, deletes the ballast and runs `work` again. Suitable for small writes, such as those at startup.
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

/** Runs `work`. @returns false if it fails because the disk is full or the file has reached its size limit. @throws any other error */
export function unlessFull(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    return false;
  }
}

/** Returns 0 if the file does not exist or is inaccessible. */
export function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}
