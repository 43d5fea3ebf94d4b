// Reads the third ledger: all rows in the cloud's database, and the numbers that the robot declared as evicted.

import type { Queries } from '../../scripts/lab/kept.ts';
import type { Range, Ranges, ReadingValue } from '../../src/wire/index.ts';
import type { Row } from './account.ts';
import { readingContent } from './outboxFile.ts';

interface Found {
  readonly outbox: string;
  readonly seq: string | number;
  readonly channel: string | null;
  readonly value: ReadingValue;
}

/** @param thing reads only the rows of this robot. */
export async function cloudRows(database: Queries, thing: string | null = null): Promise<Row[]> {
  const { rows } = await database.query(
    `select outbox, seq, channel, value from readings where thing = coalesce($1, thing)
     union all select outbox, seq, null, null from results where thing = coalesce($1, thing)
     union all select outbox, seq, null, null from events where thing = coalesce($1, thing)`,
    [thing],
  );
  return (rows as Found[]).map(({ outbox, seq, channel, value }) => ({
    outbox,
    seq: Number(seq),
    content: channel === null ? '' : readingContent(channel, value),
  }));
}

export async function cloudEvicted(database: Queries): Promise<Map<string, Ranges>> {
  const { rows } = await database.query(
    'select outbox, lower(r)::int as first, (upper(r) - 1)::int as last from outboxes, unnest(evicted) as r order by outbox, r',
  );
  const evicted = new Map<string, Range[]>();
  for (const { outbox, first, last } of rows as { outbox: string; first: number; last: number }[]) {
    evicted.set(outbox, [...(evicted.get(outbox) ?? []), [first, last]]);
  }
  return evicted;
}
