// A stand-in for the cloud's database in which only the coverage and the names of rows are kept: PGlite would take minutes for what
// this does in a second. It answers the cloud's own statements; database.test.ts holds its answers against PGlite's. Transactions
// run one after the other, readers see what is committed, and a commit may be slow, fail, or come through without anybody knowing.

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

/** How the database does just now. */
export interface DatabaseWeather {
  readonly slowMs: number;
  /** Part of the transactions that fail. */
  readonly failing: number;
}

export interface Connection {
  readonly database: Database;
  /** Its program is gone: what it had not committed is rolled back. */
  readonly cut: () => void;
}

export class MemoryDatabase {
  weather: DatabaseWeather = { slowMs: 0, failing: 0 };
  readonly #time: VirtualTime;
  readonly #dirtyReads: boolean;
  #state: State = { outboxes: new Map(), rows: new Map() };
  /** Of the transaction that runs. */
  #staged: State | undefined;
  #holder: object | undefined;
  #waiting: { readonly who: object; readonly go: () => void }[] = [];

  /** @param dirtyReads a planted fault: readers see what is not committed yet, and may never be. */
  constructor(time: VirtualTime, dirtyReads = false) {
    this.#time = time;
    this.#dirtyReads = dirtyReads;
  }

  connect(): Connection {
    const who = {};
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
      await this.#lock(who);
      const staged: State = { outboxes: new Map(this.#state.outboxes), rows: new Map(this.#state.rows) };
      this.#staged = staged;
      try {
        const result = await work(sqlOn(() => staged));
        const fails = this.#time.random() < this.weather.failing;
        const slowMs = Math.floor(this.weather.slowMs * this.#time.random());
        if (slowMs > 0) await new Promise<void>((resolve) => this.#time.after(slowMs, () => alive && resolve()));
        const comesThrough = !fails || this.#time.random() < 0.5;
        if (comesThrough) this.#state = staged;
        if (fails) throw new Error('the connection broke');
        return result;
      } finally {
        this.#unlock(who);
      }
    };
    const visible = () => (this.#dirtyReads && this.#staged) || this.#state;
    return {
      database: {
        kind: 'pglite',
        ...sqlOn(visible),
        transaction,
        listen: () => Promise.resolve(() => Promise.resolve()),
        close: () => Promise.resolve(),
      },
      cut: () => {
        alive = false;
        this.#leave(who);
      },
    };
  }

  /** Every outbox with what is committed of it. */
  outboxes(): Iterable<OutboxRow> {
    return this.#state.outboxes.values();
  }

  covered(thing: string, outbox: string): Ranges {
    const row = this.#state.outboxes.get(`${thing}/${outbox}`);
    return row ? union(row.committed, row.evicted) : [];
  }

  /** The numbers of the rows of an outbox that stand in the tables. */
  rows(thing: string, outbox: string): Ranges {
    return rangesOf([...this.#state.rows].flatMap(([key, seqs]) => (key.endsWith(` ${thing}/${outbox}`) ? seqs : [])));
  }

  #lock(who: object): Promise<void> {
    if (this.#holder === undefined) {
      this.#holder = who;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push({ who, go: resolve }));
  }

  /** Whoever waits for the lock in its name gives up too. */
  #leave(who: object): void {
    this.#waiting = this.#waiting.filter((other) => other.who !== who);
    this.#unlock(who);
  }

  #unlock(who: object): void {
    if (this.#holder !== who) return;
    this.#staged = undefined;
    const next = this.#waiting.shift();
    this.#holder = next?.who;
    next?.go();
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

/** The arrays of a statement's parameters as rows, by the columns it names them. */
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

/** The cloud writes both bounds included. */
function fromInclusive(text: Param | undefined): Ranges {
  return [...String(text).matchAll(/\[(\d+),(\d+)\]/g)].map(([, first, last]): [number, number] => [Number(first), Number(last)]);
}

/** PostgreSQL answers with the upper bound excluded. */
function postgresText(ranges: Ranges): string {
  return `{${ranges.map(([first, last]) => `[${first},${last + 1})`).join(',')}}`;
}
