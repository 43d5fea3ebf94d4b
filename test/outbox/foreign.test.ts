// Restores backups that somebody changed: each is refused with its fault, and the present file stays as it is.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { CHECKED_TABLES } from '../../src/outbox/foreignRows.ts';
import { backupsFolder, CommandJournal, makeBackup, Notes, openOutbox, restoreBackup, UploadRows } from '../../src/outbox/index.ts';
import { createTables, SCHEMA_VERSION } from '../../src/outbox/schema.ts';
import { Lifetime } from '../../src/state/index.ts';
import { ManualClock, type OutboxBench, outboxBench } from '../support/outbox.ts';

const MIB = 1024 ** 2;
const MAX_BYTES = 64 * MIB;
const never = new AbortController().signal;
/** Length of the line with the signature. */
const FIRST_LINE = 8_192;
const SHA256 = 'a'.repeat(64);

/** Every table has a row, and each class of rows. */
function fill({ outbox, db }: OutboxBench): void {
  outbox.append({ class: 'alert', channel: 'gas', value: true, extra: { alert: 'raised', incident: 'abcdefghijklmnop' } });
  outbox.append({ class: 'alert', channel: 'gas_silent', value: null });
  outbox.append({ class: 'telemetry', channel: 'note', value: 'a "quoted" text\u2028 with \\ and ü' });
  outbox.append({ class: 'telemetry', channel: 'battery', value: 1e300, extra: { stamp: 1.5, clock: 'untrusted' } });
  outbox.append({ class: 'event', body: { kind: 'problem', code: 'x', severity: 'info', state: 'raised', text: 'line\nline' } });
  outbox.append({ class: 'event', body: { kind: 'evicted', of: 'box-0', ranges: [[1, 3]], reason: 'space', alerts: [[1, 5, 'gas']] } });
  outbox.append({ class: 'result', body: { kind: 'result', id: 'one', command: 'buzzer', status: 'done', applied: { value: [1, true] } } });
  outbox.flush();
  const claim = outbox.claim('alert', { maxRows: 1, maxBytes: 10_000 });
  if (claim) outbox.published(claim);
  outbox.flush();
  const journal = new CommandJournal(db, () => 5);
  journal.begin('one', 'buzzer', 7);
  journal.end('one', { kind: 'result', id: 'one', command: 'buzzer', status: 'done' });
  journal.begin('two', '', 8);
  journal.log.write([{ command: 'buzzer', status: 'rejected', reason: 'not_allowed', detail: 'no', at: 5 }]);
  new Notes(db).write('job backup', '{"from":0,"ran":[]}');
  new UploadRows(db).add({ file: `log.5.-.${SHA256}.gz`, kind: 'log', size: 5, sha256: SHA256, takenAtMs: 5, incident: null, ranMs: 5 });
  db.prepare('insert into delivered_alerts values (1, 1, ?, ?, 5, 5)').run('gas', 'true,{"alert":"raised"}');
}

function contentOf(file: string): Record<string, unknown[]> {
  const db = new Database(file, { readonly: true });
  const tables = db.prepare(`select name from sqlite_schema where type = 'table'`).pluck().all() as string[];
  // The restoration itself adds this note (journalGap.ts).
  const isOwn = (row: unknown) => (row as { name?: unknown }).name === 'journal complete since';
  const content = tables.map(
    (table) =>
      [
        table,
        db
          .prepare(`select * from ${table}`)
          .all()
          .filter((row) => !isOwn(row)),
      ] as const,
  );
  db.close();
  return Object.fromEntries(content);
}

const insertRow = (values: string) =>
  `insert into rows (class, outbox, seq, channel, body, at, mono, trusted) values ${values}; update outboxes set accepted = 99;
  update tally set rows = (select count(*) from rows where rows.class = tally.class)`;

/** Changes to a backup's database, with the text that refuses it. */
const CHANGES: readonly (readonly [name: string, sql: string, text: RegExp])[] = [
  ['a trigger', 'create trigger t after insert on rows begin delete from rows where class = 0; end', /the trigger t, which no elderly-bot/],
  ['a view', `create view v as select load_extension('x')`, /the view v/],
  ['a view in the place of a table', 'drop table notes; create view notes as select 1 as name, 2 as text', /the view notes/],
  ['another index', 'create index i on rows (body)', /the index i/],
  ['an index with a function', 'drop index commands_by_age; create index commands_by_age on commands (abs(ran_ms))', /commands_by_age/],
  ['another table', 'create table more (x)', /the table more/],
  ['a computed column', 'alter table notes add column x text generated always as (upper(text)) virtual', /the table notes/],
  ['a missing table', 'drop table tally', /lacks the table tally/],
  ['a row of an unknown class', insertRow(`(9, 1, 99, 'gas', 'true', 5, 5, 1)`), /rows, row \d+: .*class/],
  ['a row of an unknown outbox', insertRow(`(3, 77, 99, 'gas', 'true', 5, 5, 1)`), /belong to no outbox/],
  ['a row beyond the last', insertRow(`(3, 1, 100, 'gas', 'true', 5, 5, 1)`), /different commits/],
  ['a channel that is a key of the message', insertRow(`(3, 1, 99, 'thing', 'true', 5, 5, 1)`), /not a row of its class/],
  ['a channel with a control character', insertRow(`(0, 1, 99, 'gas' || char(27), 'true', 5, 5, 1)`), /not a row of its class/],
  ['a reading that ends its message', insertRow(`(3, 1, 99, 'gas', 'true],[1,2,"fall",true', 5, 5, 1)`), /not a row of its class/],
  ['an event with the name of another robot', insertRow(`(2, 1, 99, '', '"kind":"x","thing":"other"', 5, 5, 1)`), /not a row of/],
  ['an event that ends its message', insertRow(`(2, 1, 99, '', '"kind":"x"},{"kind":"y"', 5, 5, 1)`), /not a row of its class/],
  ['a result for no id', insertRow(`(1, 1, 99, '', '"kind":"result","id":"../x","status":"done"', 5, 5, 1)`), /not a row of its class/],
  ['a time beyond all dates', `update rows set at = 9007199254740991`, /rows, row 1: .*at/],
  ['a text of 2 MiB', `insert into notes values ('x', hex(zeroblob(1048577)))`, /notes, row \d+: .*text/],
  ['an outbox id with a slash', `update outboxes set id = '../x'`, /outboxes, row 1: .*id/],
  ['the last possible outbox number', `update outboxes set ordinal = 9223372036854775807`, /outboxes, row 1: .*ordinal/],
  ['receipts for rows that do not exist', `update outboxes set covered = '[[1,1000]]'`, /beyond .accepted./],
  ['ranges out of order', `update outboxes set gone = '[[3,4],[1,2]]'`, /sorted ranges/],
  ['a wrong count', 'update tally set rows = 1000 where class = 0', /different commits: the tally of class 0/],
  ['a file outside of the spool', `update uploads set file = '../../identity/a/key.pem'`, /uploads, row 1: .*without a folder/],
  ['a hidden file', `update uploads set file = '.bashrc', told = 1`, /uploads, row 1: .*without a folder/],
  ['an invalid id', `update commands set id = 'a b' where id = 'one'`, /commands, row \d: .*id/],
  ['an invalid result', `update commands set result = '{}' where id = 'one'`, /commands, row \d: .*expected a result/],
  ['an invalid alert', `update delivered_alerts set body = 'x'`, /delivered_alerts, row 1: .*not a reading/],
];

describe('a backup that somebody made', () => {
  let bench: OutboxBench;
  let elsewhere: string;
  let database: Buffer;
  let present: Buffer;
  const file = () => join(elsewhere, 'given.bak');
  const restore = (bytes: Uint8Array, maxBytes = MAX_BYTES, stateDir = bench.folder) => {
    writeFileSync(file(), bytes);
    return restoreBackup({ file: file(), stateDir, maxBytes, identities: [], verify: async () => undefined });
  };
  const changed = (change: (db: Database.Database) => void): Buffer => {
    const path = join(elsewhere, 'changed.db');
    writeFileSync(path, database);
    const db = new Database(path);
    change(db);
    db.close();
    return gzipSync(readFileSync(path));
  };

  before(async () => {
    bench = outboxBench();
    elsewhere = mkdtempSync(join(tmpdir(), 'elderly-bot-foreign-'));
    fill(bench);
    const about = { thing: 'robot' };
    const packing = { recipients: [], sign: async () => undefined, signal: never };
    const name = await makeBackup({ db: bench.db, stateDir: bench.folder, about, nowMs: Date.UTC(2027, 0, 3), keep: 2, ...packing });
    database = gunzipSync(readFileSync(join(backupsFolder(bench.folder), name)).subarray(FIRST_LINE));
    bench.outbox.close();
    bench.db.close();
  });
  beforeEach(() => {
    present = readFileSync(join(bench.folder, 'outbox.db'));
  });
  afterEach(() => {
    assert.deepEqual(
      readdirSync(bench.folder).filter((name) => /restoring|mended/.test(name)),
      [],
    );
    assert.equal(readdirSync(backupsFolder(bench.folder)).length, 1, 'no partial file is left');
  });
  after(() => {
    bench.remove();
    rmSync(elsewhere, { recursive: true });
  });

  it('has a check for each table of the schema', () => {
    const db = new Database(':memory:');
    createTables(db, SCHEMA_VERSION);
    const tables = db.prepare(`select name from sqlite_schema where type = 'table'`).pluck().all() as string[];
    db.close();
    assert.deepEqual([...CHECKED_TABLES].sort(), tables.sort());
  });

  for (const [name, sql, text] of CHANGES) {
    it(`is refused if it has ${name}, and nothing changes`, async () => {
      const bytes = changed((db) => db.exec(sql));
      await assert.rejects(restore(bytes), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'BACKUP_INVALID');
        assert.match(error.message, text);
        return true;
      });
      assert.ok(readFileSync(join(bench.folder, 'outbox.db')).equals(present));
    });
  }

  it('is refused before it fills the disk: 1 GiB of zeros in 1 MB of gzip', async () => {
    const zeros = gzipSync(Buffer.alloc(16 * MIB));
    const bomb = Buffer.concat(Array.from({ length: 64 }, () => zeros));
    assert.ok(bomb.length < 2 * MIB);
    await assert.rejects(restore(bomb), { code: 'BACKUP_INVALID', message: /larger than the outbox may be \(outbox\.max_size, 64 MiB/ });
    const packed = gzipSync(Buffer.from(Array.from({ length: 2 * MIB }, () => Math.floor(Math.random() * 256))), { level: 0 });
    await assert.rejects(restore(packed, MIB), { code: 'BACKUP_INVALID', message: /larger than the outbox may be/ });
  });

  it('says that it is newer, cut off, or not a backup at all', async () => {
    for (const [bytes, code, text] of [
      [changed((db) => db.pragma(`user_version = ${SCHEMA_VERSION + 1}`)), 'OUTBOX_NEWER', /made by a newer elderly-bot/],
      [gzipSync(database).subarray(0, -20), 'BACKUP_INVALID', /cut off/],
      [gzipSync(database.subarray(0, 8_192)), 'BACKUP_INVALID', /malformed|cut off/],
      [changed((db) => db.pragma('user_version = 0')), 'BACKUP_INVALID', /another program/],
      [Buffer.from('hello'), 'BACKUP_INVALID', /it is not a gzip file/],
      [Buffer.alloc(0), 'BACKUP_INVALID', /cut off/],
    ] as const) {
      await assert.rejects(restore(bytes), (error: Error & { code?: string }) => {
        assert.equal(error.code, code);
        assert.match(error.message, text);
        return true;
      });
    }
  });

  for (let version = 1; version <= SCHEMA_VERSION; version++) {
    it(`is restored with all of its rows if its schema has version ${version}`, async () => {
      const path = join(elsewhere, `version-${version}.db`);
      const old = new Database(path);
      createTables(old, version);
      writeFileSync(join(elsewhere, 'whole.db'), database);
      old.exec(`attach '${join(elsewhere, 'whole.db')}' as whole`);
      const tables = old.prepare(`select name from main.sqlite_schema where type = 'table'`).pluck().all() as string[];
      for (const table of tables) {
        const columns = old.prepare('select name from pragma_table_info(?)').pluck().all(table).join(', ');
        old.exec(`delete from main.${table}; insert into main.${table} (${columns}) select ${columns} from whole.${table}`);
      }
      old.close();
      const stateDir = join(elsewhere, `robot-${version}`);
      await restore(gzipSync(readFileSync(path)), MAX_BYTES, stateDir);
      const [before, after] = [contentOf(path), contentOf(join(stateDir, 'outbox.db'))];
      for (const table of tables) assert.equal(after[table]?.length, before[table]?.length, table);
      if (version === SCHEMA_VERSION) assert.deepEqual(after, before);
      const clock = new ManualClock();
      const lifetime = Lifetime.begin(stateDir);
      const opened = openOutbox({ stateDir, maxBytes: MAX_BYTES, clock, lifetime, groupMs: 60_000 });
      assert.equal(opened.damage, undefined);
      assert.ok(opened.outbox.claim('alert', { maxRows: 10, maxBytes: 10_000 }));
      opened.outbox.close();
      opened.db.close();
    });
  }
});
