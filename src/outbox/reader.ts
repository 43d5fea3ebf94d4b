// Reads an outbox file without modifying it, even while an agent is using it. Rows are read in pages, each in its own short read
// transaction, so that even a million rows neither exhaust memory nor hold up a checkpoint.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { codeOf, messageOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { count } from '../wire/index.ts';
import { outstanding } from './outboxes.ts';
import { type OutboxRecord, readOutboxes } from './records.ts';
import { isCorruption, OUTBOX_FILE } from './repair.ts';
import { className, classNumber, ROW_CLASSES, type RowClass } from './rows.ts';
import { type Db, SCHEMA_VERSION } from './schema.ts';
import { ballastFile, sizeOf } from './space.ts';

export interface ShownRow {
  readonly outbox: string;
  readonly seq: number;
  readonly class: RowClass;
  /** Empty for results and events. */
  readonly channel: string;
  /** `sent` rows are acknowledged by the broker but not yet covered by a receipt. Only alerts stay readable once they are `confirmed`. */
  readonly state: 'pending' | 'sent' | 'confirmed';
  readonly at: number;
  /** Monotonic time in the run that accepted the row, in milliseconds; null for confirmed alerts, which do not keep it. */
  readonly mono: number | null;
  readonly trusted: boolean | null;
  /** The row's encoded content, as it is sent. */
  readonly body: string;
}

export interface RowFilter {
  readonly class?: RowClass | undefined;
  readonly state?: ShownRow['state'] | undefined;
  readonly channel?: string | undefined;
  readonly outbox?: string | undefined;
  /** Selects rows with a higher number than this. */
  readonly after?: number | undefined;
}

export interface OutboxStats {
  readonly file: string;
  readonly file_bytes: number;
  readonly wal_bytes: number;
  /** 0 if the ballast has been released because the disk was full. */
  readonly ballast_bytes: number;
  readonly free_bytes: number;
  readonly classes: Readonly<Record<RowClass, { pending: number; sent: number; confirmed: number; oldest_at: number | null }>>;
  readonly outboxes: readonly { id: string; accepted: number; covered: number; evicted: number; outstanding: number }[];
}

type RawRow = Omit<ShownRow, 'outbox' | 'class' | 'trusted'> & {
  readonly ordinal: number;
  readonly class: number;
  readonly trusted: number | null;
};

/** Rows per page. */
const PAGE_ROWS = 1_000;

const IS_SENT = `coalesce((select last from publications p where p.class = r.class and p.outbox = r.outbox and p.first <= r.seq
  order by p.first desc limit 1) >= r.seq, 0)`;
const HELD = `select r.outbox as ordinal, r.seq, r.class, r.channel, r.body, r.at, r.mono, r.trusted,
  case when ${IS_SENT} then 'sent' else 'pending' end as state from rows r`;
const DELIVERED = `select d.outbox as ordinal, d.seq, ${classNumber('alert')} as class, d.channel, d.body, d.at, null as mono,
  null as trusted, 'confirmed' as state from delivered_alerts d`;

export class OutboxReader {
  readonly db: Db;
  readonly #stateDir: string;
  readonly #ids: ReadonlyMap<number, string>;

  private constructor(db: Db, stateDir: string) {
    this.db = db;
    this.#stateDir = stateDir;
    this.#ids = new Map(this.outboxes().map(({ ordinal, id }) => [ordinal, id]));
  }

  /** @throws AgentError OUTBOX_MISSING, OUTBOX_NEWER, OUTBOX_UNREADABLE */
  static open(stateDir: string): OutboxReader {
    const file = join(stateDir, OUTBOX_FILE);
    if (!existsSync(file)) {
      throw new AgentError('OUTBOX_MISSING', `there is no outbox in state_dir ${stateDir}`, {
        remedy: 'run this as the agent’s user, with the agent’s configuration (--config)',
      });
    }
    let db: Db | undefined;
    try {
      db = new Database(file, { readonly: true, timeout: 2_000 });
      const version = Number(db.pragma('user_version', { simple: true }));
      if (version > SCHEMA_VERSION) {
        const text = `${file} was written by a newer elderly-bot (version ${version}; this program supports version ${SCHEMA_VERSION})`;
        throw new AgentError('OUTBOX_NEWER', text, { remedy: 'read the file with the newer program' });
      }
      return new OutboxReader(db, stateDir);
    } catch (error) {
      db?.close();
      if (error instanceof AgentError) throw error;
      throw unreadable(file, error);
    }
  }

  close(): void {
    this.db.close();
  }

  outboxes(): OutboxRecord[] {
    return readOutboxes(this.db);
  }

  stats(): OutboxStats {
    const perClass = this.db.prepare(
      `select count(*) as held, coalesce(sum(${IS_SENT}), 0) as sent, min(at) as oldest from rows r where r.class = ?`,
    );
    const delivered = Number(this.db.prepare('select count(*) from delivered_alerts').pluck().get());
    const classes = ROW_CLASSES.map((name) => {
      const { held, sent, oldest } = perClass.get(classNumber(name)) as { held: number; sent: number; oldest: number | null };
      return [name, { pending: held - sent, sent, confirmed: name === 'alert' ? delivered : 0, oldest_at: oldest }] as const;
    });
    const file = join(this.#stateDir, OUTBOX_FILE);
    const page = Number(this.db.pragma('page_size', { simple: true }));
    return {
      file,
      file_bytes: sizeOf(file),
      wal_bytes: sizeOf(`${file}-wal`),
      ballast_bytes: sizeOf(ballastFile(this.#stateDir)),
      free_bytes: Number(this.db.pragma('freelist_count', { simple: true })) * page,
      classes: Object.fromEntries(classes) as OutboxStats['classes'],
      outboxes: this.outboxes().map((record) => ({
        id: record.id,
        accepted: record.accepted,
        covered: count(record.covered),
        evicted: count(record.gone),
        outstanding: outstanding(record),
      })),
    };
  }

  /** Yields all matching rows, ordered by outbox and then by number. */
  *rows({ class: rowClass, state, channel, outbox, after = 0 }: RowFilter = {}): Generator<ShownRow> {
    const sources = ROW_CLASSES.filter((name) => (rowClass ?? name) === name).map((name) =>
      this.#paged(
        `${HELD} where r.class = ${classNumber(name)} and (r.outbox, r.seq) > (?, ?) order by r.outbox, r.seq limit ${PAGE_ROWS}`,
      ),
    );
    if ((rowClass ?? 'alert') === 'alert') {
      sources.push(this.#paged(`${DELIVERED} where (d.outbox, d.seq) > (?, ?) order by d.outbox, d.seq limit ${PAGE_ROWS}`));
    }
    for (const raw of merged(sources)) {
      const row = this.#shown(raw);
      if ((state ?? row.state) !== row.state || (channel ?? row.channel) !== row.channel) continue;
      if ((outbox ?? row.outbox) === row.outbox && row.seq > after) yield row;
    }
  }

  /** Returns the rows with this number in one outbox, or in all of them, latest outbox first. */
  numbered(seq: number, outbox?: string): ShownRow[] {
    const held = this.db.prepare(`${HELD} where r.class in (0, 1, 2, 3) and r.seq = ?`).all(seq);
    const found = [...held, ...this.db.prepare(`${DELIVERED} where d.seq in (?)`).all(seq)] as RawRow[];
    return found
      .sort((a, b) => b.ordinal - a.ordinal)
      .map((raw) => this.#shown(raw))
      .filter((row) => outbox === undefined || row.outbox === outbox);
  }

  *#paged(sql: string): Generator<RawRow> {
    const page = this.db.prepare(sql);
    for (let last: RawRow | undefined; ; ) {
      const rows = page.all(last?.ordinal ?? 0, last?.seq ?? 0) as RawRow[];
      yield* rows;
      last = rows.at(-1);
      if (rows.length < PAGE_ROWS) return;
    }
  }

  #shown({ ordinal, class: number, trusted, ...raw }: RawRow): ShownRow {
    return {
      ...raw,
      outbox: this.#ids.get(ordinal) ?? `(ordinal ${ordinal})`,
      class: className(number),
      trusted: trusted === null ? null : trusted === 1,
    };
  }
}

/** Merges sorted sources into one sorted sequence. */
function* merged(sources: readonly Generator<RawRow>[]): Generator<RawRow> {
  const heads = sources.map((source) => ({ source, row: source.next().value as RawRow | undefined }));
  for (;;) {
    const first = heads.reduce<(typeof heads)[number] | undefined>((least, head) => {
      if (head.row === undefined) return least;
      if (least?.row === undefined) return head;
      const earlier = head.row.ordinal - least.row.ordinal || head.row.seq - least.row.seq;
      return earlier < 0 ? head : least;
    }, undefined);
    if (first?.row === undefined) return;
    yield first.row;
    first.row = first.source.next().value as RawRow | undefined;
  }
}

/** @returns the error for the user if SQLite reports a damaged file, otherwise the error itself. */
export function asUnreadable(file: string, error: unknown): unknown {
  return isCorruption(error) ? unreadable(file, error) : error;
}

function unreadable(file: string, cause: unknown): AgentError {
  return new AgentError('OUTBOX_UNREADABLE', `${file} can't be read: ${messageOf(cause)}`, { remedy: remedyFor(cause), cause });
}

/** If no agent is running, even a read-only connection has to create the WAL's -shm file, which fails on a full disk. */
function remedyFor(error: unknown): string {
  const code = codeOf(error) ?? '';
  if (code.startsWith('SQLITE_IOERR') || code.startsWith('SQLITE_FULL'))
    return 'free space on the disk (see df), or start the agent, which also runs on a full disk; otherwise the disk itself is failing (see dmesg)';
  return 'run this as the agent’s user; the agent repairs a damaged file at its next start';
}
