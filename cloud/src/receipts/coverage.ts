// Stores the coverage: one database row per outbox, with multiranges of the committed and the evicted rows. PostgreSQL merges and compares
// multiranges exactly, one statement serves a whole batch, and the lock of the row is the lock of the outbox. A table of ranges
// would need several statements for each gap that closes, and a separate lock.

import { type Mark, normalize, type Range, type Ranges, rangesOf } from '../../../src/wire/index.ts';
import { columnsOf, type Sql } from '../database/index.ts';
import type { OutboxName } from '../messages/index.ts';

/**
 * Ranges of an outbox. Each update copies all of them. An honest robot sends alerts before the rows in between, so that each alert of months
 * without a connection is a range for a while.
 */
export const MAX_RANGES = 100_000;
/**
 * New outboxes of a robot within 90 days that are not settled. Each start of the agent makes an outbox, and systemd starts it again after 2 s
 * without a limit, so settled ones do not count: the rows of a crash loop get receipts.
 */
export const MAX_NEW_OUTBOXES = 1_000;
/** An outbox is settled if each of its rows was committed or evicted. One without rows is settled too. */
const SETTLED = 'o.committed + o.evicted @> int8multirange(int8range(1, o.accepted + 1))';
/** The size of a range in a multirange of PostgreSQL: two bounds, an offset and flags. */
const RANGE_BYTES = 21;

/** The changes of one outbox by one batch. Applying a change only adds to the coverage. */
export interface OutboxChange extends OutboxName {
  accepted: number;
  mark: Mark | null;
  readonly committed: number[];
  readonly evicted: Range[];
  corrected: boolean;
  closed: { readonly lastSeq: number | null; readonly successor: string } | null;
}

export interface Coverage extends OutboxName {
  readonly accepted: number;
  /** Committed or evicted. */
  readonly covered: Ranges;
}

export interface Account {
  readonly outbox: string;
  readonly accepted: number;
  readonly committed: number;
  readonly evicted: number;
  readonly outstanding: number;
}

/**
 * Adds to the coverage and locks every outbox in `changes` until the transaction ends. It must be the first statement, because rows are
 * inserted under the lock of their outbox. The locks are acquired in order of name, so two instances can't deadlock.
 * @returns the outboxes that have clock corrections.
 * @throws RangeError if an outbox would have too many ranges, or a robot too many outboxes. Rows that close gaps are still accepted.
 */
export async function cover(sql: Sql, changes: readonly OutboxChange[]): Promise<OutboxName[]> {
  if (changes.length === 0) return [];
  const rows = await sql.query<OutboxName & { corrected: boolean; is_full: boolean; is_new: boolean }>(
    COVER,
    columnsOf(
      changes.map(({ thing, outbox, accepted, committed, evicted, mark, corrected, closed }) => [
        ...[thing, outbox, accepted, multirange(rangesOf(committed)), multirange(normalize(evicted)), mark?.[0] ?? null],
        ...[mark?.[1] ?? null, corrected, closed !== null, closed?.lastSeq ?? null, closed?.successor ?? null],
      ]),
    ),
  );
  const full = rows.find((row) => row.is_full);
  if (full) throw new RangeError(`outbox ${full.outbox} of ${full.thing} has more than ${MAX_RANGES} gaps`);
  const added = new Set(rows.filter((row) => row.is_new).map(keyOf));
  if (added.size > 0)
    await refuseExcess(
      sql,
      changes.filter((change) => added.has(keyOf(change))),
    );
  return rows.filter((row) => row.corrected).map(({ thing, outbox }) => ({ thing, outbox }));
}

const COVER = `
insert into outboxes as o
  (thing, outbox, accepted, committed, evicted, mark_boot, mark_ms, corrected, closed, last_seq, successor)
select n.thing, n.outbox, n.accepted, n.committed::int8multirange, n.evicted::int8multirange,
  n.mark_boot, n.mark_ms, n.corrected, n.closed, n.last_seq, n.successor
from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::boolean[],
  $9::boolean[], $10::bigint[], $11::text[])
  as n(thing, outbox, accepted, committed, evicted, mark_boot, mark_ms, corrected, closed, last_seq, successor)
order by n.thing, n.outbox
on conflict (thing, outbox) do update set
  accepted = greatest(o.accepted, excluded.accepted),
  committed = o.committed + excluded.committed,
  evicted = o.evicted + excluded.evicted,
  mark_boot = greatest(o.mark_boot, excluded.mark_boot),
  mark_ms = case
    when o.mark_boot is null or excluded.mark_boot > o.mark_boot then excluded.mark_ms
    when excluded.mark_boot = o.mark_boot then greatest(o.mark_ms, excluded.mark_ms)
    else o.mark_ms end,
  corrected = o.corrected or excluded.corrected,
  closed = o.closed or excluded.closed,
  last_seq = coalesce(o.last_seq, excluded.last_seq),
  successor = coalesce(o.successor, excluded.successor)
returning o.thing, o.outbox, o.corrected,
  greatest(pg_column_size(o.committed), pg_column_size(o.evicted)) > ${MAX_RANGES * RANGE_BYTES} as is_full, o.xmax = 0 as is_new`;

/**
 * Ignores outboxes beyond the bound that a presence only announces, and then also counts settled ones: each presence may announce many.
 * @throws RangeError if a message has rows or declarations of an outbox that is beyond the bound and not settled.
 */
async function refuseExcess(sql: Sql, added: readonly OutboxChange[]): Promise<void> {
  // Two instances may have exceeded the bound together, so this batch answers only for the outboxes that it added.
  const crowded = await sql.query<{ thing: string; excess: number; refused: number }>(
    `select thing, count(*) - $2 as excess, least(count(*) filter (where is_open) - $2, count(*) filter (where is_open and is_added)) as refused
    from (
      select thing, not (${SETTLED}) as is_open, thing || '/' || outbox = any($4::text[]) as is_added
      from outboxes o where thing = any($1::text[]) and first_seen_at > clock_timestamp() - $3 * interval '1 day'
    ) as fresh group by thing having count(*) > $2`,
    [added.map(({ thing }) => thing), MAX_NEW_OUTBOXES, KEPT_DAYS, added.map(keyOf)],
  );
  for (const { thing, excess, refused } of crowded) {
    const ignored = added.filter((change) => change.thing === thing && isOnlyAnnounced(change)).slice(-excess);
    if (ignored.filter(({ accepted }) => accepted > 0).length < refused) {
      throw new RangeError(
        `robot ${thing} named more than ${MAX_NEW_OUTBOXES} new outboxes that miss rows in ${KEPT_DAYS} days; if it is not faulty: robot reset ${thing}`,
      );
    }
    await sql.query('delete from outboxes where thing = $1 and outbox = any($2::text[])', [thing, ignored.map(({ outbox }) => outbox)]);
  }
}

function isOnlyAnnounced({ committed, evicted, corrected, closed }: OutboxChange): boolean {
  return committed.length === 0 && evicted.length === 0 && !corrected && closed === null;
}

function keyOf({ thing, outbox }: OutboxName): string {
  return `${thing}/${outbox}`;
}

/** Outboxes of a robot that are always kept, and the time for which up to MAX_NEW_OUTBOXES are kept. */
export const KEPT_OUTBOXES = 100;
const KEPT_DAYS = 90;

/** Deletes old settled outboxes. If a row of one is delivered again, its name still finds it. */
export async function foldOutboxes(sql: Sql): Promise<void> {
  await sql.query(
    `delete from outboxes o using (
      select thing, outbox from (
        select thing, outbox, first_seen_at, row_number() over (partition by thing order by first_seen_at desc, outbox) as nth from outboxes
      ) as numbered where nth > $3 or (nth > $1 and first_seen_at < clock_timestamp() - $2 * interval '1 day')
    ) as old
    where o.thing = old.thing and o.outbox = old.outbox and not o.corrected and ${SETTLED}`,
    [KEPT_OUTBOXES, KEPT_DAYS, MAX_NEW_OUTBOXES],
  );
}

/** Reads committed coverage. The caller must not be in a transaction that changed something. */
export async function readCoverage(sql: Sql, outboxes: readonly OutboxName[]): Promise<Coverage[]> {
  const rows = await sql.query<{ thing: string; outbox: string; accepted: number; covered: string }>(
    `select o.thing, o.outbox, o.accepted, (o.committed + o.evicted)::text as covered
    from outboxes o join unnest($1::text[], $2::text[]) as n(thing, outbox) using (thing, outbox)`,
    [outboxes.map(({ thing }) => thing), outboxes.map(({ outbox }) => outbox)],
  );
  return rows.map((row) => ({ ...row, covered: rangesFrom(row.covered) }));
}

/**
 * Counts the rows of each outbox, latest outbox first. Each seq in 1..accepted is either committed, evicted or outstanding; a row that is
 * both committed and evicted counts as committed. If an outbox was closed and its last seq is unknown, its file was lost: missing rows
 * then count as evicted.
 */
export async function readAccounts(sql: Sql, thing: string): Promise<Account[]> {
  return sql.query<Account>(
    `select outbox, accepted, committed, evicted, accepted - committed - evicted as outstanding from (
      select o.outbox, o.accepted, o.first_seen_at, o.mark_boot, o.mark_ms,
        (select coalesce(sum(upper(r) - lower(r)), 0)::bigint from unnest(o.committed) r) as committed,
        (select coalesce(sum(upper(r) - lower(r)), 0)::bigint from unnest(case
          when o.closed and o.last_seq is null then o.evicted + int8multirange(int8range(1, o.accepted + 1)) else o.evicted
        end - o.committed) r) as evicted
      from outboxes o where o.thing = $1
    ) as counts order by mark_boot desc nulls last, mark_ms desc nulls last, first_seen_at desc, outbox`,
    [thing],
  );
}

/** Formats ranges for PostgreSQL, with inclusive bounds: `{[1,5],[9,9]}`. */
export function multirange(ranges: Ranges): string {
  return `{${ranges.map(([first, last]) => `[${first},${last}]`).join(',')}}`;
}

/** Parses PostgreSQL's output, which has exclusive upper bounds: `{[1,6),[9,10)}`. */
export function rangesFrom(text: string): Ranges {
  return [...text.matchAll(/\[(\d+),(\d+)\)/g)].map((match): Range => [Number(match[1]), Number(match[2]) - 1]);
}
