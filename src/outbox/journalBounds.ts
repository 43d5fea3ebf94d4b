// Bounds the command journal by count and bytes, so that ids cannot fill the outbox file. An id that could still be admitted again is never
// removed for space. If only such ids are left, the journal is full.
import type { Statement } from 'better-sqlite3';
import { EXPIRY_GRACE_MS, MAX_ISSUED_AHEAD_MS } from '../wire/index.ts';
import { type Db, PAGE_BYTES } from './schema.ts';

/** A repeated command is admitted at most this long after the first: the longest `ttl`, with the tolerances of both clocks. */
export const LONGEST_REPEAT_MS = 3_600_000 + MAX_ISSUED_AHEAD_MS + EXPIRY_GRACE_MS;

/** Every id stays at least this long, in case the wall clock is set back. */
const SHORTEST_REPEAT_MS = 60_000;

/** An hour of commands at 5 Hz. Up to this many ids (about 2 MB) also fit into the journal's cache. */
export const MAX_IDS = 20_000;

/** The journal's share of the outbox file, at most {@link MOST_BYTES}. */
const SHARE = 0.25;
const MOST_BYTES = 8 * 1024 ** 2;

/** SQLite's bytes per entry without texts, and a factor for free space in its pages: 1.07 for UUIDs, 1.09 for the longest ids (19,000 ids). */
const ENTRY_BYTES = 60;
const EMPTY_PAGES = 1.25;

/** The part of the journal that refused ids may take, so that a flood of them leaves space for commands that run. */
const REFUSED_SHARE = 0.5;

/** This many of the latest entries stay for a person at the robot, with their results. */
const SHOWN = 200;

/** Under pressure, the part of the ids that is removed at once. */
const REMOVED_SHARE = 0.25;

/** While the journal is full, it is searched for removable ids at most once per this time. */
const SEARCH_EVERY_MS = 1_000;

interface Size {
  readonly ids: number;
  readonly refused: number;
  readonly bytes: number;
}

/** @param validMs milliseconds until the command expires; undefined if unknown. @returns the running time until which it could be admitted. */
export function repeatableUntil(ranMs: number, validMs: number | undefined): number {
  const forMs = validMs === undefined ? LONGEST_REPEAT_MS : Math.min(validMs + EXPIRY_GRACE_MS, LONGEST_REPEAT_MS);
  return ranMs + Math.max(SHORTEST_REPEAT_MS, Math.round(forMs));
}

export class JournalBounds {
  readonly #db: Db;
  readonly #ranMs: () => number;
  readonly #measure: Statement;
  readonly #mostBytes: number;
  /** An upper bound: entries that were rolled back count until the next measurement. */
  #size: Size;
  #searchedMs = Number.NEGATIVE_INFINITY;

  constructor(db: Db, ranMs: () => number) {
    this.#db = db;
    this.#ranMs = ranMs;
    this.#mostBytes = Math.min(MOST_BYTES, Number(db.pragma('max_page_count', { simple: true })) * PAGE_BYTES * SHARE);
    this.#measure = db.prepare(`select count(*) as ids, coalesce(sum(state = 'refused'), 0) as refused,
      ${EMPTY_PAGES} * coalesce(sum(2 * length(id) + length(command) + coalesce(octet_length(result), 0) + ${ENTRY_BYTES}), 0) as bytes
      from commands`);
    this.#size = this.#measure.get() as Size;
  }

  /** Must be called for each new entry. */
  added(id: string, command: string): void {
    const { ids, refused, bytes } = this.#size;
    this.#size = { ids: ids + 1, refused, bytes: bytes + EMPTY_PAGES * (2 * id.length + command.length + ENTRY_BYTES) };
  }

  /** Must be called for each result. */
  ended(result: string, isRefused: boolean): void {
    const { ids, refused, bytes } = this.#size;
    this.#size = { ids, refused: refused + (isRefused ? 1 : 0), bytes: bytes + EMPTY_PAGES * Buffer.byteLength(result) };
  }

  /** @returns why no further command may run; undefined if its id fits. Removes ids if necessary. @throws SQLite's error */
  full(): string | undefined {
    if (!this.#isFull) return undefined;
    this.#makeSpace();
    if (!this.#isFull) return undefined;
    const text = `the robot remembers ${this.#size.ids} ids of commands that could still be repeated, and has no space for more`;
    return `${text}; send fewer commands, or wait until the earlier ones expire; stop always works`;
  }

  /** Whether the id of a refused command may be added. @throws SQLite's error */
  hasSpaceForRefused(): boolean {
    if (!this.#hasSpaceForRefused) this.#makeSpace();
    return this.#hasSpaceForRefused;
  }

  /** Measures the journal, and removes what is beyond the limits, for example after an update. @throws SQLite's error */
  trim(): void {
    this.#size = this.#measure.get() as Size;
    if (this.#isFull) this.#makeSpace();
  }

  get #isFull(): boolean {
    return this.#size.ids >= MAX_IDS || this.#size.bytes >= this.#mostBytes;
  }

  get #hasSpaceForRefused(): boolean {
    const { ids, refused, bytes } = this.#size;
    const isWithinShare = refused < MAX_IDS * REFUSED_SHARE && (bytes / Math.max(1, ids)) * refused < this.#mostBytes * REFUSED_SHARE;
    return isWithinShare && !this.#isFull;
  }

  /** Removes results of older entries, then ids that cannot be admitted again: refused ones first, then the oldest. */
  #makeSpace(): void {
    const ranMs = this.#ranMs();
    if (ranMs - this.#searchedMs < SEARCH_EVERY_MS) return;
    this.#searchedMs = ranMs;
    const latest = `select id from commands order by ran_ms desc limit ${SHOWN}`;
    this.#db.transaction(() => {
      this.#db.prepare(`update commands set result = null where result is not null and state <> 'started' and id not in (${latest})`).run();
      const removable = `state <> 'started' and coalesce(repeatable_until, ran_ms + ${LONGEST_REPEAT_MS}) < @ranMs and id not in (${latest})`;
      this.#db
        .prepare(
          `delete from commands where id in (select id from commands where ${removable} order by state <> 'refused', ran_ms limit @most)`,
        )
        .run({ ranMs, most: Math.ceil(this.#size.ids * REMOVED_SHARE) });
    })();
    this.#size = this.#measure.get() as Size;
  }
}
