// Judges a run: compares the published values with the rows that the robot holds and the rows in the database. Pure. Its own tests drop and
// double a row.

export interface Published {
  readonly channel: string;
  readonly value: boolean | number | string | null;
}

/** A reading in the outbox or the database. */
export interface Kept extends Published {
  readonly outbox: string;
  readonly seq: number;
}

export interface Verdict {
  readonly published: number;
  readonly committed: number;
  /** Readings that are in the outbox and not in the database. */
  readonly held: number;
  readonly evicted: number;
  /** Published values that are neither committed, held nor declared as evicted. */
  readonly lost: number;
  /** Values that are committed or held more often than they were published. */
  readonly doubled: number;
  /** Some lost and doubled values. */
  readonly examples: readonly string[];
}

/** Values of float32 and float64 fields differ in their last digits; a reading keeps seven. */
const DIGITS = 7;

export function judge(published: readonly Published[], held: readonly Kept[], committed: readonly Kept[], evicted: number): Verdict {
  const rows = new Map<string, Kept>();
  for (const row of committed) rows.set(`${row.outbox}/${row.seq}`, row);
  const committedRows = rows.size;
  for (const row of held) rows.set(`${row.outbox}/${row.seq}`, row);
  // Two rows with the same outbox and number are one row that was stored twice.
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
