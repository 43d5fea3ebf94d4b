// Merges declarations of evicted rows, which are never evicted themselves: while the cloud is away for long, they would fill the outbox.
import { type EventBody, normalize, type Ranges, rangesOf } from '../wire/index.ts';
import { stamped, type WaitingRow } from './intake.ts';
import type { Parts } from './parts.ts';

/** Declarations that the file may hold before they are merged, at most 7.5 KB each. */
const MERGED_FROM = 40;

/** The declarations are counted once per so many evictions, because that reads all events. */
const COUNTED_EVERY = 8;

type Evicted = Extract<EventBody, { kind: 'evicted' }>;

interface Limits {
  readonly ranges: number;
  readonly alerts: number;
}

export class Declarations {
  /** The number from which another merge is worth its time: twice the number that the last one left. */
  #mergedFrom = MERGED_FROM;
  #evictions = 0;

  /**
   * Replaces the declarations in the file by few that name the same rows, if there are many. The replaced ones are rows too, so the new ones
   * name them as evicted. Each outbox's declarations are replaced in a transaction of their own. @throws SQLite's error
   */
  merge({ store, ledger, clock, commits, space }: Pick<Parts, 'store' | 'ledger' | 'clock' | 'commits' | 'space'>, limits: Limits): void {
    if (++this.#evictions % COUNTED_EVERY !== 0 || store.countEvictedDeclarations() < this.#mergedFrom) return;
    const found = store.evictedDeclarations();
    for (const record of ledger.outboxes.all) {
      const own = found.filter(({ outbox }) => outbox === record.ordinal);
      const seqs = rangesOf(own.map(({ seq }) => seq));
      const bodies = own.map(({ body }) => JSON.parse(body) as Evicted);
      const merged = mergedBodies([...bodies, { kind: 'evicted', of: record.id, ranges: seqs, reason: 'space' }], limits);
      if (merged.length * 2 > own.length) continue;
      const rows: WaitingRow[] = merged.map((body) => stamped({ class: 'event', body }, clock, false));
      space.withPages('bookkeeping', () => ledger.evict(record, seqs, rows));
      commits.added(rows);
    }
    this.#mergedFrom = Math.max(MERGED_FROM, 2 * store.countEvictedDeclarations());
  }
}

/** @returns declarations of the same rows, one for each outbox and reason, or more if they exceed the limits. */
export function mergedBodies(bodies: readonly Evicted[], limits: Limits): Evicted[] {
  const groups = new Map<string, Evicted[]>();
  for (const body of bodies) {
    const key = `${body.reason} ${body.of}`;
    const group = groups.get(key);
    if (group) group.push(body);
    else groups.set(key, [body]);
  }
  return [...groups.values()].flatMap((group) => {
    const [{ of, reason }] = group as [Evicted, ...Evicted[]];
    const ranges = normalize(group.flatMap((body) => body.ranges));
    const alerts = group.flatMap((body) => body.alerts ?? []).slice(-limits.alerts);
    return inParts(ranges, limits.ranges).map(
      (some, i): Evicted => ({
        kind: 'evicted',
        of,
        ranges: some,
        reason,
        ...(i === 0 && alerts.length > 0 ? { alerts } : {}),
      }),
    );
  });
}

export function inParts(ranges: Ranges, most: number): Ranges[] {
  return Array.from({ length: Math.ceil(ranges.length / most) }, (_, i) => ranges.slice(i * most, (i + 1) * most));
}
