// Tests the detection of a damaged file during use, and its repair by the next opening.
import assert from 'node:assert/strict';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import Database from 'better-sqlite3';
import { CommandJournal, inspectOutboxFile, Notes, suspect } from '../../src/outbox/index.ts';
import { Ledger } from '../../src/outbox/ledger.ts';
import { openOutboxFile } from '../../src/outbox/repair.ts';
import { encodeBody } from '../../src/outbox/rows.ts';
import { createTables, openDatabase } from '../../src/outbox/schema.ts';
import { Store } from '../../src/outbox/store.ts';

const MAX_BYTES = 256 * 1024 ** 2;
const ROWS = 150_000;
const PAGE = 4096;

describe('a damaged outbox file', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-repair-'));
    fill(join(folder, 'outbox.db'));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is too big for the check at the start, is found by the check beside the agent, and is salvaged by the next opening', async () => {
    overwritePages(join(folder, 'outbox.db'), 400, 20);
    const first = openOutboxFile(folder, MAX_BYTES, ['old'], 'new');
    assert.equal(first.damage, undefined);
    first.db.close();
    const found = await inspectOutboxFile(folder, new AbortController().signal);
    assert.ok(found);
    suspect(folder, found);

    const { db, closed, damage } = openOutboxFile(folder, MAX_BYTES, ['old'], 'new');
    assert.match(String(damage), /set aside as .*outbox\.db\.damaged-1/);
    const [event] = closed;
    assert.ok(event?.kind === 'outbox_closed');
    assert.equal(event.last_seq, ROWS);
    const lost = event.lost.reduce((sum, [from, to]) => sum + to - from + 1, 0);
    const kept = Number(db.prepare('select count(*) from rows').pluck().get());
    assert.equal(kept + lost, ROWS);
    assert.ok(lost > 0 && lost < ROWS / 4, `${lost} lost`);
    const tally = db.prepare('select sum(rows) from tally').pluck().get();
    assert.equal(tally, kept);
    assert.equal(new CommandJournal(db, () => 0).begin('taken', 'buzzer', 0), false);
    assert.equal(db.prepare('select count(*) from delivered_alerts').pluck().get(), 1);
    db.close();
    assert.ok(existsSync(join(folder, 'outbox.db.damaged-1')));
  });

  it('is used again after the first suspicion without damage, and replaced after the second', async () => {
    assert.equal(await inspectOutboxFile(folder, new AbortController().signal), undefined);
    suspect(folder, 'database disk image is malformed');
    const first = openOutboxFile(folder, MAX_BYTES, ['old'], 'new');
    assert.equal(first.damage, undefined);
    first.db.close();
    suspect(folder, 'database disk image is malformed');
    const { db, closed, damage } = openOutboxFile(folder, MAX_BYTES, ['old'], 'new');
    assert.match(String(damage), /failed again while in use/);
    assert.deepEqual(closed, [{ kind: 'outbox_closed', old: 'old', last_seq: ROWS, lost: [], successor: 'new' }]);
    assert.equal(db.prepare('select count(*) from rows').pluck().get(), ROWS);
    db.close();
    assert.equal(readdirSync(folder).includes('outbox.suspect'), false);
  });

  it('keeps all other tables if a table is missing, and declares a row with a garbled text as lost', () => {
    const file = join(folder, 'outbox.db');
    const before = openDatabase(file, MAX_BYTES);
    before.exec(`drop table delivered_alerts; update rows set body = 'fal' where class = 3 and seq = 7`);
    before.close();
    const { db, closed, damage } = openOutboxFile(folder, MAX_BYTES, ['old'], 'new');
    assert.match(String(damage), /has no table delivered_alerts/);
    assert.deepEqual(closed, [{ kind: 'outbox_closed', old: 'old', last_seq: ROWS, lost: [[7, 7]], successor: 'new' }]);
    assert.equal(new CommandJournal(db, () => 0).begin('taken', 'buzzer', 0), false);
    db.close();
  });

  it('is replaced if it has a trigger or a view, which would change what the agent commits', () => {
    const file = join(folder, 'outbox.db');
    const before = openDatabase(file, MAX_BYTES);
    before.exec('create trigger t after insert on rows begin delete from rows where class = 0; end');
    before.close();
    const { db, closed, damage } = openOutboxFile(folder, MAX_BYTES, ['old'], 'new');
    assert.match(String(damage), /it has the trigger t, which no elderly-bot creates; it was set aside as/);
    assert.deepEqual(closed, [{ kind: 'outbox_closed', old: 'old', last_seq: ROWS, lost: [], successor: 'new' }]);
    assert.equal(db.prepare(`select count(*) from sqlite_schema where type = 'trigger'`).pluck().get(), 0);
    assert.equal(db.prepare('select count(*) from rows').pluck().get(), ROWS);
    db.close();
  });

  it('keeps its journal if it has an earlier version, without entries that would stop the agent at its start', () => {
    const file = join(folder, 'outbox.db');
    rmSync(file);
    const old = new Database(file);
    createTables(old, 4);
    old.exec(`insert into commands values ('one', 'buzzer', 'ended', 5, 5, '{"kind":"result","id":"one","status":"done"}'),
      ('two', 'buzzer', 'started', 5, 5, 'garbled');
      insert into uploads (file, kind, size, sha256, taken_at, ran_ms) values ('../../identity/a/key.pem', 'log', 1, '${'a'.repeat(64)}', 5, 5);
      insert into notes values ('job x', '{}'); update tally set rows = 7`);
    old.close();
    suspect(folder, 'database disk image is malformed');
    const { db, damage } = openOutboxFile(folder, MAX_BYTES, [], 'new');
    assert.match(String(damage), /tables come from different commits/);
    assert.deepEqual(db.prepare('select id from commands').pluck().all(), ['one']);
    assert.equal(db.prepare('select count(*) from uploads').pluck().get(), 0);
    assert.equal(new Notes(db).read('job x'), '{}');
    assert.equal(new CommandJournal(db, () => 0).find('one')?.state, 'ended');
    db.close();
  });

  it('has an incomplete journal if it is an older copy of the file', () => {
    const { db } = openOutboxFile(folder, MAX_BYTES, ['old', 'later'], 'new');
    assert.equal(new CommandJournal(db, () => 0).completeForMs(), 0);
    db.close();
  });

  it('keeps a WAL that SQLite would overwrite, for a person to examine', () => {
    const wal = join(folder, 'outbox.db-wal');
    writeFileSync(wal, Buffer.alloc(3 * PAGE));
    const { db, damage } = openOutboxFile(folder, MAX_BYTES, ['old'], 'new');
    db.close();
    assert.match(String(damage), /does not begin like a WAL; it was set aside as .*damaged-1-wal/);
    assert.equal(statSync(join(folder, 'outbox.db.damaged-1-wal')).size, 3 * PAGE);
  });

  it('is not repaired if the disk is at fault', () => {
    rmSync(join(folder, 'outbox.db'));
    assert.throws(() => openOutboxFile(join(folder, 'nowhere'), MAX_BYTES, [], 'new'), /directory|open/);
  });
});

/** Fills an outbox with telemetry, an accepted command and a delivered alert. */
function fill(file: string): void {
  const db = openDatabase(file, MAX_BYTES);
  const ledger = new Ledger(new Store(db));
  ledger.start('old', 1, 0, [], 0);
  const row = { class: 'telemetry', channel: 'battery', value: 87.5 } as const;
  ledger.commit(Array.from({ length: ROWS }, (_, i) => ({ row, body: encodeBody(row), at: i, mono: i, trusted: true, within: undefined })));
  new CommandJournal(db, () => 0).begin('taken', 'buzzer', 0);
  db.exec(`insert into delivered_alerts values (1, 70000, 'gas', 'true,{"alert":"raised"}', 0, 0)`);
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
}

function overwritePages(file: string, first: number, count: number): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.alloc(count * PAGE, 0xa5), 0, count * PAGE, first * PAGE);
  closeSync(descriptor);
}
