// Replaces the cloud's database in the models. It keeps only the coverage and the names of rows, and is about a hundred times as fast as
// PGlite. It answers the cloud's own statements; database.test.ts compares the answers with those of PGlite. Transactions run one after
// the other, and readers see committed data. A commit may be slow, fail, or succeed although it reports an error.

import type { Database, Param, Sql } from '../../cloud/src/database/database.ts';
import type { OutboxName } from '../../cloud/src/messages/message.ts';
import { compareMarks, count, type Mark, type Ranges, rangesOf, subtract, union } from '../../src/wire/index.ts';
import type { VirtualTime } from './time.ts';

interface OutboxRow extends OutboxName {
  readonly accepted: number;
  readonly committed: Ranges;
  readonly evicted: Ranges;
  readonly mark: Mark | null;
  readonly corrected: boolean;
  readonly closed: boolean;
  readonly lastSeq: number | null;
}

/** One row of the statement's parameters, by column. */
type Given = Readonly<Record<string, Param | undefined>>;

interface State {
  readonly outboxes: Map<string, OutboxRow>;
  /** `table thing/outbox` to row numbers. */
  readonly rows: Map<string, number[]>;
}

/** The current faults of the database. */
export interface DatabaseFaults {
  readonly slowMs: number;
  /** The fraction of the transactions that fail. */
  readonly failing: number;
}

export interface Connection {
  readonly database: Database;
  /** Ends the connection of a killed program. Its uncommitted transaction is rolled back. */
  readonly cut: () => void;
}

export class MemoryDatabase {
  faults: DatabaseFaults = { slowMs: 0, failing: 0 };
  readonly #time: VirtualTime;
  readonly #dirtyReads: boolean;
  #state: State = { outboxes: new Map(), rows: new Map() };
  /** The state inside the running transaction. */
  #staged: State | undefined;
  #holder: object | undefined;
  #waiting: { readonly owner: object; readonly resume: () => void }[] = [];

  /** @param dirtyReads plants a fault: readers see uncommitted data. */
  constructor(time: VirtualTime, dirtyReads = false) {
    this.#time = time;
    this.#dirtyReads = dirtyReads;
  }

  connect(): Connection {
    const owner = {};
    let alive = true;
    const guard = <T>(work: () => T): Promise<T> => {
      if (!alive) return new Promise(() => {});
      return new Promise((resolve) => resolve(work()));
    };
    const sqlOn = (state: () => State): Sql => ({
      query: <Row>(text: string, params: readonly Param[] = []) => guard(() => answer(state(), text, params) as Row[]),
      script: () => guard(() => {}),
    });
    const transaction = async <T>(work: (sql: Sql) => Promise<T>): Promise<T> => {
      if (!alive) return new Promise(() => {});
      await this.#lock(owner);
      const staged: State = { outboxes: new Map(this.#state.outboxes), rows: new Map(this.#state.rows) };
      this.#staged = staged;
      try {
        const result = await work(sqlOn(() => staged));
        const fails = this.#time.random() < this.faults.failing;
        const slowMs = Math.floor(this.faults.slowMs * this.#time.random());
        if (slowMs > 0) await new Promise<void>((resolve) => this.#time.after(slowMs, () => alive && resolve()));
        const succeeds = !fails || this.#time.random() < 0.5;
        if (succeeds) this.#state = staged;
        if (fails) throw new Error('the connection broke');
        return result;
      } finally {
        this.#unlock(owner);
      }
    };
    const visible = () => (this.#dirtyReads && this.#staged) || this.#state;
    return {
      database: {
        kind: 'pglite',
        ...sqlOn(visible),
        prepared: sqlOn(visible).query,
        transaction,
        listen: () => Promise.resolve(() => Promise.resolve()),
        close: () => Promise.resolve(),
      },
      cut: () => {
        alive = false;
        this.#leave(owner);
      },
    };
  }

  /** The committed state of every outbox. */
  outboxes(): Iterable<OutboxRow> {
    return this.#state.outboxes.values();
  }

  covered(thing: string, outbox: string): Ranges {
    const row = this.#state.outboxes.get(`${thing}/${outbox}`);
    return row ? union(row.committed, row.evicted) : [];
  }

  /** Numbers of the rows of an outbox in all tables. */
  rows(thing: string, outbox: string): Ranges {
    return rangesOf([...this.#state.rows].flatMap(([key, seqs]) => (key.endsWith(` ${thing}/${outbox}`) ? seqs : [])));
  }

  #lock(owner: object): Promise<void> {
    if (this.#holder === undefined) {
      this.#holder = owner;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push({ owner, resume: resolve }));
  }

  /** Releases the lock of a connection and cancels its waiting transactions. */
  #leave(owner: object): void {
    this.#waiting = this.#waiting.filter((other) => other.owner !== owner);
    this.#unlock(owner);
  }

  #unlock(owner: object): void {
    if (this.#holder !== owner) return;
    this.#staged = undefined;
    const next = this.#waiting.shift();
    this.#holder = next?.owner;
    next?.resume();
  }
}

function answer(state: State, text: string, params: readonly Param[]): unknown[] {
  if (text.includes('insert into outboxes as o')) return cover(state, givenRows(text, params));
  if (text.includes('from outboxes o join unnest')) return readCoverage(state, givenRows(text, params));
  if (text.startsWith('select outbox, accepted, committed, evicted')) return accounts(state, String(params[0]));
  const table = /^insert into (readings|results|events) \(thing, outbox, seq/.exec(text)?.[1];
  if (table) return insert(state, table, params);
  if (/\boutboxes\b/.test(text)) throw new Error(`test/model/database.ts does not know this statement: ${text}`);
  return [];
}

/** Converts the parameters of a statement, one array per column, into rows. */
function givenRows(text: string, params: readonly Param[]): Given[] {
  const columns = (/ as n\(([^)]*)\)/.exec(text)?.[1] ?? '').split(',').map((name) => name.trim());
  const arrays = params as readonly (readonly (string | number | boolean | null)[])[];
  return (arrays[0] ?? []).map((_, i) => Object.fromEntries(columns.map((name, column) => [name, arrays[column]?.[i] ?? null])));
}

function cover({ outboxes }: State, rows: readonly Given[]): unknown[] {
  return rows.map((given) => {
    const { thing, outbox } = given as unknown as OutboxName;
    const key = `${thing}/${outbox}`;
    const known = outboxes.get(key);
    const mark = given.mark_boot === null ? null : ([Number(given.mark_boot), Number(given.mark_ms)] as Mark);
    const next: OutboxRow = {
      thing,
      outbox,
      accepted: Math.max(known?.accepted ?? 0, Number(given.accepted)),
      committed: union(known?.committed ?? [], fromInclusive(given.committed)),
      evicted: union(known?.evicted ?? [], fromInclusive(given.evicted)),
      mark: !known?.mark || (mark && compareMarks(mark, known.mark) > 0) ? mark : known.mark,
      corrected: known?.corrected || given.corrected === true,
      closed: known?.closed || given.closed === true,
      lastSeq: known?.lastSeq ?? (given.last_seq as number | null),
    };
    outboxes.set(key, next);
    return { thing, outbox, corrected: next.corrected };
  });
}

function readCoverage({ outboxes }: State, names: readonly Given[]): unknown[] {
  return names.flatMap(({ thing, outbox }) => {
    const row = outboxes.get(`${thing}/${outbox}`);
    if (!row) return [];
    return [{ thing, outbox, accepted: row.accepted, covered: postgresText(union(row.committed, row.evicted)) }];
  });
}

function accounts({ outboxes }: State, thing: string): unknown[] {
  return [...outboxes.values()]
    .filter((row) => row.thing === thing)
    .map(({ outbox, accepted, committed, evicted, closed, lastSeq }) => {
      const lost: Ranges = closed && lastSeq === null && accepted > 0 ? [[1, accepted]] : [];
      const [here, gone] = [count(committed), count(subtract(union(evicted, lost), committed))];
      return { outbox, accepted, committed: here, evicted: gone, outstanding: accepted - here - gone };
    });
}

function insert({ rows }: State, table: string, [things, outboxes, seqs]: readonly Param[]): unknown[] {
  const numbers = seqs as readonly number[];
  for (const [i, seq] of numbers.entries()) {
    const key = `${table} ${(things as readonly string[])[i]}/${(outboxes as readonly string[])[i]}`;
    const known = rows.get(key) ?? [];
    if (!known.includes(seq)) rows.set(key, [...known, seq]);
  }
  return [];
}

/** Parses the ranges that the cloud writes, whose upper bound is included. */
function fromInclusive(text: Param | undefined): Ranges {
  return [...String(text).matchAll(/\[(\d+),(\d+)\]/g)].map(([, first, last]): [number, number] => [Number(first), Number(last)]);
}

/** Writes ranges like PostgreSQL, whose upper bound is excluded. */
function postgresText(ranges: Ranges): string {
  return `{${ranges.map(([first, last]) => `[${first},${last + 1})`).join(',')}}`;
}
