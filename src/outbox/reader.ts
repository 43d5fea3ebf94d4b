// An outbox file as somebody else sees it: read-only, beside a running agent. Rows are read in pages, each a short read of its own, so
// that a million of them fill no memory and hold no checkpoint up.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { codeOf, messageOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { count, type Ranges, union } from '../wire/index.ts';
import { OUTBOX_FILE } from './repair.ts';
import { className, classNumber, ROW_CLASSES, type RowClass } from './rows.ts';
import { type Db, SCHEMA_VERSION } from './schema.ts';

export interface ShownRow {
  readonly outbox: string;
  readonly seq: number;
  readonly class: RowClass;
  /** Empty for results and events. */
  readonly channel: string;
  /** Sent: the broker acknowledged it, and no receipt covers it yet. Confirmed: an alert the cloud has, kept for a week. */
  readonly state: 'pending' | 'sent' | 'confirmed';
  readonly at: number;
  /** Monotonic milliseconds of the start it was taken in; null where it is not kept any more. */
  readonly mono: number | null;
  readonly trusted: boolean | null;
  /** As it stands on the wire. */
  readonly body: string;
}

export interface RowFilter {
  readonly class?: RowClass | undefined;
  readonly state?: ShownRow['state'] | undefined;
  readonly channel?: string | undefined;
  readonly outbox?: string | undefined;
  /** Only rows numbered beyond this. */
  readonly after?: number | undefined;
}

export interface OutboxStats {
  readonly file: string;
  readonly file_bytes: number;
  readonly wal_bytes: number;
  /** 0 once the ballast had to be given back to a full disk. */
  readonly ballast_bytes: number;
  readonly free_bytes: number;
  readonly classes: Readonly<Record<RowClass, { pending: number; sent: number; confirmed: number; oldest_at: number | null }>>;
  readonly outboxes: readonly { id: string; accepted: number; covered: number; evicted: number; outstanding: number }[];
}

export interface OutboxBook {
  readonly ordinal: number;
  readonly id: string;
  readonly accepted: number;
  readonly covered: Ranges;
  readonly gone: Ranges;
}

interface RawRow {
  readonly ordinal: number;
  readonly seq: number;
  readonly class: number;
  readonly channel: string;
  readonly body: string;
  readonly at: number;
  readonly mono: number | null;
  readonly trusted: number | null;
  readonly state: ShownRow['state'];
}

/** Rows read at once. */
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
    this.#ids = new Map(this.books().map(({ ordinal, id }) => [ordinal, id]));
  }

  /** @throws AgentError OUTBOX_MISSING, OUTBOX_NEWER, OUTBOX_UNREADABLE */
  static open(stateDir: string): OutboxReader {
    const file = join(stateDir, OUTBOX_FILE);
    if (!existsSync(file)) {
      throw new AgentError('OUTBOX_MISSING', `there is no outbox in state_dir ${stateDir}`, {
        remedy: 'give the configuration the agent runs with (--config), as the user it runs as',
      });
    }
    let db: Db | undefined;
    try {
      db = new Database(file, { readonly: true, timeout: 2_000 });
      const version = Number(db.pragma('user_version', { simple: true }));
      if (version > SCHEMA_VERSION) {
        const text = `${file} was written by a newer elderly-bot (version ${version}, this one knows ${SCHEMA_VERSION})`;
        throw new AgentError('OUTBOX_NEWER', text, { remedy: 'look at it with that version' });
      }
      return new OutboxReader(db, stateDir);
    } catch (error) {
      db?.close();
      if (error instanceof AgentError) throw error;
      throw new AgentError('OUTBOX_UNREADABLE', `${file} can't be read: ${messageOf(error)}`, {
        remedy: todoOf(error),
        cause: error,
      });
    }
  }

  close(): void {
    this.db.close();
  }

  books(): OutboxBook[] {
    const found = this.db.prepare('select ordinal, id, accepted, covered, gone from outboxes order by ordinal').all();
    return (found as { ordinal: number; id: string; accepted: number; covered: string; gone: string }[]).map((book) => ({
      ...book,
      covered: JSON.parse(book.covered) as Ranges,
      gone: JSON.parse(book.gone) as Ranges,
    }));
  }

  stats(): OutboxStats {
    const perClass = this.db.prepare(
      `select count(*) as held, coalesce(sum(${IS_SENT}), 0) as sent, min(r.at) as oldest from rows r where r.class = ?`,
    );
    const delivered = this.db.prepare('select count(*) as confirmed, min(at) as oldest from delivered_alerts').get() as {
      confirmed: number;
      oldest: number | null;
    };
    const classes = ROW_CLASSES.map((name) => {
      const { held, sent, oldest } = perClass.get(classNumber(name)) as { held: number; sent: number; oldest: number | null };
      return [name, { pending: held - sent, sent, confirmed: name === 'alert' ? delivered.confirmed : 0, oldest_at: oldest }] as const;
    });
    const file = join(this.#stateDir, OUTBOX_FILE);
    const page = Number(this.db.pragma('page_size', { simple: true }));
    return {
      file,
      file_bytes: sizeOf(file),
      wal_bytes: sizeOf(`${file}-wal`),
      ballast_bytes: sizeOf(join(this.#stateDir, 'ballast')),
      free_bytes: Number(this.db.pragma('freelist_count', { simple: true })) * page,
      classes: Object.fromEntries(classes) as OutboxStats['classes'],
      outboxes: this.books().map(({ id, accepted, covered, gone }) => ({
        id,
        accepted,
        covered: count(covered),
        evicted: count(gone),
        outstanding: accepted - count(union(covered, gone)),
      })),
    };
  }

  /** Oldest first: by outbox, then by number, whatever their class. */
  *rows(filter: RowFilter = {}): Generator<ShownRow> {
    const sources = ROW_CLASSES.filter((name) => filter.class === undefined || filter.class === name).map((name) =>
      this.#paged(
        `${HELD} where r.class = ${classNumber(name)} and (r.outbox, r.seq) > (?, ?) order by r.outbox, r.seq limit ${PAGE_ROWS}`,
      ),
    );
    if (filter.class === undefined || filter.class === 'alert') {
      sources.push(this.#paged(`${DELIVERED} where (d.outbox, d.seq) > (?, ?) order by d.outbox, d.seq limit ${PAGE_ROWS}`));
    }
    for (const raw of merged(sources)) {
      const row = this.#shown(raw);
      if (filter.state !== undefined && row.state !== filter.state) continue;
      if (filter.channel !== undefined && row.channel !== filter.channel) continue;
      if (filter.outbox !== undefined && row.outbox !== filter.outbox) continue;
      if (filter.after !== undefined && row.seq <= filter.after) continue;
      yield row;
    }
  }

  /** Rows of this number, of one outbox or of each, the latest first. */
  numbered(seq: number, outbox?: string): ShownRow[] {
    const held = this.db.prepare(`${HELD} where r.class between 0 and 3 and r.seq = ?`).all(seq);
    const found = [...held, ...this.db.prepare(`${DELIVERED} where d.seq = ?`).all(seq)] as RawRow[];
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

/** Several sorted sources as one. */
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

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** A reader without a running agent creates a shared-memory file, for which a full disk has no space. */
function todoOf(error: unknown): string {
  const code = codeOf(error) ?? '';
  if (code.startsWith('SQLITE_IOERR') || code.startsWith('SQLITE_FULL'))
    return 'free space on the disk (df shows it), or start the agent, which also runs on a full disk; else the disk itself is failing (dmesg)';
  return 'run this as the agent’s user; a damaged file is mended by the agent at its next start';
}
