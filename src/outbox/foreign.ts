// Copies the rows of a database file that anyone may have made, such as a backup from a bucket, into a new file with this program's own
// schema. Nothing of the foreign file is executed: its schema must equal the schema that this program creates, so it has no trigger, view,
// index or generated column of its own, and each value is checked before it is copied.
import Database from 'better-sqlite3';
import * as z from 'zod';
import { AgentError } from '../errors.ts';
import { checkerOf } from './foreignRows.ts';
import { columnsOf, createTables, type Db, insertion, quickCheck, SCHEMA_VERSION, tablesOf, versionOf } from './schema.ts';

/** The file is not a database that this program wrote. The message says why. */
export class ForeignError extends Error {}

/** SQLite's own advice for files of other origin: sqlite.org/security.html. better-sqlite3 opens each file with DEFENSIVE. */
const PRECAUTIONS = ['trusted_schema = OFF', 'cell_size_check = ON', 'mmap_size = 0', 'query_only = ON'];

/** @throws SQLite's error if it is not a database. */
export function openForeign(file: string): Db {
  const db = new Database(file, { readonly: true, fileMustExist: true });
  try {
    for (const precaution of PRECAUTIONS) db.pragma(precaution);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Creates the tables of the foreign file's version in `fresh`, and copies the rows. The caller migrates `fresh` to the present version.
 * @param extra the statement of a table that the foreign file may have in addition. It is not copied.
 * @throws AgentError OUTBOX_NEWER; ForeignError; SQLite's error for a damaged file.
 */
export function copyForeign(foreign: Db, fresh: Db, extra: string): void {
  const version = versionOf(foreign);
  if (version < 1) throw new ForeignError('it is the database of another program');
  if (version > SCHEMA_VERSION) {
    throw new AgentError(
      'OUTBOX_NEWER',
      `it was made by a newer elderly-bot (version ${version}; this program reads up to ${SCHEMA_VERSION})`,
      {
        remedy: 'install that elderly-bot or a later one, and restore the backup with it',
      },
    );
  }
  createTables(fresh, version);
  refuseOtherSchema(foreign, fresh, extra);
  const damage = quickCheck(foreign);
  if (damage !== undefined) throw new ForeignError(damage);
  fresh.transaction(() => {
    for (const table of tablesOf(fresh)) copyTable(foreign, fresh, table);
    const orphans = fresh.prepare('select count(*) from rows where outbox not in (select ordinal from outboxes)').pluck().get();
    if (orphans !== 0) throw new ForeignError(`${orphans} of its rows belong to no outbox`);
  })();
}

interface Entry {
  readonly type: string;
  readonly name: string;
  readonly tbl_name: string;
  readonly sql: string | null;
}

function entriesOf(db: Db): Entry[] {
  return db.prepare('select type, name, tbl_name, sql from sqlite_schema').all() as Entry[];
}

/** Compares every entry word by word. That also refuses a table whose columns run functions. */
function refuseOtherSchema(foreign: Db, fresh: Db, extra: string): void {
  const reference = new Database(':memory:');
  reference.exec(extra);
  const own = [...entriesOf(fresh), ...entriesOf(reference)];
  reference.close();
  const textOf = (entry: Entry) => JSON.stringify([entry.type, entry.name, entry.tbl_name, entry.sql]);
  const known = new Set(own.map(textOf));
  const found = entriesOf(foreign);
  const strange = found.find((entry) => !known.has(textOf(entry)));
  if (strange) throw new ForeignError(`it has the ${strange.type} ${strange.name}, which no elderly-bot creates in this form`);
  const missing = entriesOf(fresh).find(({ name }) => !found.some((entry) => entry.name === name));
  if (missing) throw new ForeignError(`it lacks the ${missing.type} ${missing.name}`);
}

function copyTable(foreign: Db, fresh: Db, table: string): void {
  const columns = columnsOf(fresh, table);
  const names = columns.map(({ name }) => name);
  const check = checkerOf(table, columns);
  fresh.exec(`delete from ${table}`);
  const insert = insertion(fresh, 'insert', table, names);
  let n = 0;
  for (const row of foreign.prepare(`select ${names.join(', ')} from ${table}`).iterate()) {
    n++;
    refuseUnlessGood(row, check, `${table}, row ${n}`);
    insert.run(row);
  }
}

function refuseUnlessGood(row: unknown, check: z.ZodType, place: string): void {
  const { error } = check.safeParse(row);
  if (error)
    throw new ForeignError(
      `${place}: ${z
        .prettifyError(error)
        .replaceAll(/\s*\n\s*/g, ' ')
        .slice(0, 300)}`,
    );
}
