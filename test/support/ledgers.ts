// The judge of every run: what was published, what the robot still holds, what the database has. Pure, and tested itself by a
// dropped and a doubled row: a checker that can't fail proves nothing.

export interface Published {
  readonly channel: string;
  readonly value: boolean | number | string | null;
}

/** A reading as the outbox or the database has it. */
export interface Kept extends Published {
  readonly outbox: string;
  readonly seq: number;
}

export interface Verdict {
  readonly published: number;
  readonly committed: number;
  /** In the outbox and not in the database. */
  readonly held: number;
  readonly evicted: number;
  /** Published, and neither committed, held nor declared evicted. */
  readonly lost: number;
  /** Committed or held more often than published. */
  readonly doubled: number;
  /** A few of each, for the person who has to find out. */
  readonly examples: readonly string[];
}

/** Values of float32 and float64 fields differ in their last digits; a reading keeps seven. */
const DIGITS = 7;

export function judge(published: readonly Published[], held: readonly Kept[], committed: readonly Kept[], evicted: number): Verdict {
  const rows = new Map<string, Kept>();
  for (const row of committed) rows.set(`${row.outbox}/${row.seq}`, row);
  const committedRows = rows.size;
  for (const row of held) rows.set(`${row.outbox}/${row.seq}`, row);
  // The same name twice in the database would be a row twice.
  const repeated = committed.length - committedRows;
  const balance = new Map<string, number>();
  for (const one of published) add(balance, keyOf(one), 1);
  for (const one of rows.values()) add(balance, keyOf(one), -1);
  const missing = [...balance].filter(([, n]) => n > 0);
  const surplus = [...balance].filter(([, n]) => n < 0);
  return {
    published: published.length,
    committed: committedRows,
    held: rows.size - committedRows,
    evicted,
    lost: Math.max(0, sum(missing) - evicted),
    doubled: repeated - sum(surplus),
    examples: [
      ...missing.slice(0, 5).map(([key, n]) => `missing ${n} x ${key}`),
      ...surplus.slice(0, 5).map(([key, n]) => `too many ${-n} x ${key}`),
    ],
  };
}

function keyOf({ channel, value }: Published): string {
  const shown = typeof value === 'number' ? Number(value.toPrecision(DIGITS)) : value;
  return `${channel}=${JSON.stringify(shown)}`;
}

function add(balance: Map<string, number>, key: string, n: number): void {
  balance.set(key, (balance.get(key) ?? 0) + n);
}

function sum(entries: readonly (readonly [string, number])[]): number {
  return entries.reduce((total, [, n]) => total + n, 0);
}
