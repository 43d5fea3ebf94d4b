// Tests backups that are created during writes, and their restoration.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  backupsFolder,
  backupsIn,
  CommandJournal,
  makeBackup,
  Notes,
  OutboxReader,
  restoreBackup,
  verifyOutbox,
} from '../../src/outbox/index.ts';
import { openOutboxFile } from '../../src/outbox/repair.ts';
import { Lifetime, restoreLifetime } from '../../src/state/index.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';

const MAX_BYTES = 64 * 1024 ** 2;
const SUNDAY = Date.UTC(2027, 0, 3, 3, 41);
const DAY_MS = 86_400_000;
/** Length of the line with the signature. */
const FIRST_LINE = 8_192;
const never = new AbortController().signal;

describe('a backup', () => {
  let bench: OutboxBench;
  let elsewhere: string;
  const make = (over: { nowMs?: number; keep?: number; signal?: AbortSignal } = {}) => makeBackup({ ...defaults(), ...over });
  const defaults = () => ({
    ...{ db: bench.db, stateDir: bench.folder, about: { thing: 'robot' }, nowMs: SUNDAY, keep: 2, recipients: [], signal: never },
    sign: async () => undefined,
  });
  const restore = (file: string, stateDir: string) =>
    restoreBackup({ file, stateDir, maxBytes: MAX_BYTES, identities: [], verify: async () => undefined });
  const fill = (rows: number) => {
    for (let n = 0; n < rows; n++) bench.outbox.append({ class: n % 100 === 0 ? 'alert' : 'telemetry', channel: 'gas', value: n });
    bench.outbox.flush();
  };

  beforeEach(() => {
    bench = outboxBench();
    elsewhere = mkdtempSync(join(tmpdir(), 'elderly-bot-restore-'));
  });
  afterEach(() => {
    bench.remove();
    rmSync(elsewhere, { recursive: true });
  });

  it('contains every row that was committed before it, also during writes, and leaves no other files', async () => {
    fill(20_000);
    new CommandJournal(bench.db, () => 0).begin('taken', 'buzzer', 0);
    new Notes(bench.db).write('job x', '{}');
    const turning = setInterval(() => fill(20), 1);
    const name = await make();
    clearInterval(turning);
    assert.match(name, /^backup\.20270103T034100Z\.bak$/);
    const folder = backupsFolder(bench.folder);
    assert.deepEqual(readdirSync(folder), [name]);
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
    const { aside, about, rows } = await restore(join(folder, name), elsewhere);
    assert.equal(aside, undefined);
    assert.deepEqual(about, { thing: 'robot' });
    assert.ok(rows >= 20_000 && rows <= bench.outbox.accepted, `${rows} rows`);
    const reader = OutboxReader.open(elsewhere);
    assert.deepEqual(verifyOutbox(reader), []);
    assert.equal(new CommandJournal(reader.db, () => 0).find('taken')?.command, 'buzzer');
    assert.equal(new Notes(reader.db).read('job x'), '{}');
    reader.close();
  });

  it('replaces the existing file and keeps it; the next opening starts a new outbox and declares the missing one', async () => {
    fill(50);
    const name = await make();
    const before = bench.outbox.id;
    bench.reopen();
    fill(30);
    const { id: lost } = bench.outbox;
    bench.lifetime.openedOutbox(lost, [before, lost], [[lost, 30]], 0);
    bench.outbox.close();
    bench.db.close();
    const { aside, rows } = await restore(join(backupsFolder(bench.folder), name), bench.folder);
    assert.equal(rows, 50);
    assert.equal(aside, join(bench.folder, 'outbox.db.before-restore-1'));
    const lifetime = Lifetime.begin(bench.folder);
    const opened = openOutboxFile(bench.folder, MAX_BYTES, lifetime.outboxes, 'after', { acceptedBy: (id) => lifetime.acceptedBy(id) });
    assert.notEqual(new CommandJournal(opened.db, () => 0).completeForMs(), undefined);
    assert.deepEqual(opened.closed, [{ kind: 'outbox_closed', old: lost, last_seq: null, lost: [[1, 30]], successor: 'after' }]);
    assert.ok(lifetime.boot > 2, 'the count of starts continues');
    opened.db.close();
    const old = OutboxReader.open(folderWith(aside));
    assert.equal(old.outboxes().find(({ id }) => id === lost)?.accepted, 30);
    old.close();
  });

  function folderWith(file: string): string {
    writeFileSync(join(elsewhere, 'outbox.db'), readFileSync(file));
    return elsewhere;
  }

  it('restores a journal that knows from when on it is complete, because commands may have run after the backup', async () => {
    const name = await make();
    assert.equal(new CommandJournal(bench.db, () => 5).completeForMs(), undefined);
    await restore(join(backupsFolder(bench.folder), name), elsewhere);
    const { db } = openOutboxFile(elsewhere, MAX_BYTES, [], 'after');
    assert.equal(new CommandJournal(db, () => 1_000).completeForMs(), 0);
    assert.equal(new CommandJournal(db, () => 4_000).completeForMs(), 3_000, 'also after the next start');
    db.close();
  });

  it('changes nothing if it is not a backup, is truncated, or has a newer version', async () => {
    fill(10);
    const name = await make();
    const whole = readFileSync(join(backupsFolder(bench.folder), name));
    const newer = gunzipSync(whole.subarray(FIRST_LINE));
    newer.writeUInt32BE(999, 60);
    bench.outbox.close();
    bench.db.close();
    const there = readFileSync(join(bench.folder, 'outbox.db'));
    for (const [bytes, code] of [
      [Buffer.from('hello'), 'BACKUP_INVALID'],
      [gzipSync('hello'), 'BACKUP_INVALID'],
      [whole.subarray(0, whole.length / 2), 'BACKUP_INVALID'],
      [gzipSync(gunzipSync(whole.subarray(FIRST_LINE)).subarray(0, 8_192)), 'BACKUP_INVALID'],
      [gzipSync(newer), 'OUTBOX_NEWER'],
    ] as const) {
      const file = join(elsewhere, 'given.db.gz');
      writeFileSync(file, bytes);
      await assert.rejects(restore(file, bench.folder), { code });
    }
    await assert.rejects(restore(join(elsewhere, 'none'), bench.folder), { code: 'BACKUP_INVALID' });
    assert.ok(readFileSync(join(bench.folder, 'outbox.db')).equals(there));
    assert.deepEqual(
      readdirSync(bench.folder).filter((file) => file.includes('restor')),
      [],
    );
  });

  it('deletes old backups, and all files of an aborted backup', async () => {
    fill(5_000);
    const names = [];
    for (let n = 0; n < 4; n++) names.push(await make({ nowMs: SUNDAY + n * 7 * DAY_MS }));
    assert.deepEqual(backupsIn(backupsFolder(bench.folder)), names.slice(-2));
    const stopping = new AbortController();
    stopping.abort();
    await assert.rejects(make({ nowMs: SUNDAY + 35 * DAY_MS, signal: stopping.signal }));
    writeFileSync(join(backupsFolder(bench.folder), 'copy.part'), 'half');
    assert.deepEqual(backupsIn(backupsFolder(bench.folder)), names.slice(-2));
    await make({ nowMs: SUNDAY + 35 * DAY_MS });
    assert.ok(!existsSync(join(backupsFolder(bench.folder), 'copy.part')));
  });
});

describe('the lifetime of a backup', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-lifetime-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('is restored only on a robot without a lifetime, and assigns no boot number twice', () => {
    const text = JSON.stringify({ boot: 12, ran_ms: 5_000, wall_ms: 7, receipts_seen: true, outbox: 'x', owed: ['x'] });
    restoreLifetime(folder, text, SUNDAY)();
    const lifetime = Lifetime.begin(folder);
    assert.deepEqual([lifetime.boot, lifetime.ranBeforeMs, lifetime.receiptsSeen, lifetime.outboxes], [SUNDAY + 1, 5_000, true, ['x']]);
    restoreLifetime(folder, text, SUNDAY + 5)();
    assert.equal(Lifetime.begin(folder).boot, SUNDAY + 2);
  });
});
