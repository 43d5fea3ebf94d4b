// Checks the accounting of docs/reference/protocol.md: each number that an outbox assigned is committed, held or declared, exactly once and
// with the same content on disk and in the cloud. Pure.
import { type Ranges, subtract } from '../../src/wire/index.ts';

/** A row of any kind. Only readings have a content. */
export interface Row {
  readonly outbox: string;
  readonly seq: number;
  /** `channel=value`; empty for results and events. */
  readonly content: string;
}

export interface Books {
  /** The highest number that each outbox assigned, read from its file. */
  readonly accepted: ReadonlyMap<string, number>;
  /** Rows that were in the file at any inspection. */
  readonly seen: Iterable<Row>;
  readonly held: readonly Row[];
  readonly committed: readonly Row[];
  /** Numbers that the robot declared as evicted. */
  readonly evicted: ReadonlyMap<string, Ranges>;
}

export interface Account {
  readonly accepted: number;
  readonly committed: number;
  readonly held: number;
  readonly evicted: number;
  /** Numbered rows that are neither committed, held nor declared. */
  readonly lost: number;
  /** Rows that are stored twice, rows with two contents, and numbers that the file never assigned. */
  readonly doubled: number;
  readonly examples: readonly string[];
}

export function account({ accepted, seen, held, committed, evicted }: Books): Account {
  const found = new Map<string, Row>();
  const wrong: string[] = [];
  for (const row of committed) {
    const name = nameOf(row);
    if (found.has(name)) wrong.push(`${name} twice in the database`);
    if (row.seq > (accepted.get(row.outbox) ?? 0))
      wrong.push(`${name} is in the database, and its outbox had given ${accepted.get(row.outbox) ?? 0} numbers`);
    found.set(name, row);
  }
  for (const row of [...seen, ...held]) {
    const other = found.get(nameOf(row));
    if (other && other.content !== row.content) wrong.push(`${nameOf(row)} was ${row.content} and is ${other.content}`);
  }
  const heldOnly = held.filter((row) => !found.has(nameOf(row)));
  const known = new Set([...found.keys(), ...heldOnly.map(nameOf)]);
  const missing: string[] = [];
  let declared = 0;
  let total = 0;
  for (const [outbox, last] of accepted) {
    total += last;
    const gone = evicted.get(outbox) ?? [];
    for (let seq = 1; seq <= last; seq++) {
      if (known.has(`${outbox}/${seq}`)) continue;
      if (subtract([[seq, seq]], gone).length === 0) declared++;
      else missing.push(`${outbox}/${seq} of ${last} is nowhere`);
    }
  }
  return {
    accepted: total,
    committed: found.size,
    held: heldOnly.length,
    evicted: declared,
    lost: missing.length,
    doubled: wrong.length,
    examples: [...missing.slice(0, 5), ...wrong.slice(0, 5)],
  };
}

function nameOf({ outbox, seq }: Row): string {
  return `${outbox}/${seq}`;
}
