// A database that pg_dump and pg_restore move to another cluster, whose transactions have other numbers.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { findPostgres, Postgres } from '../../test/support/postgres.ts';
import type { Database } from '../src/database/database.ts';
import { checkRestored, migrateTables, openDatabase } from '../src/database/open.ts';
import { lookAt } from '../src/database/origin.ts';
import { Looks } from '../src/stream/looks.ts';
import { NO_POSTGRES } from './support/databases.ts';

const run = promisify(execFile);
const COUNT_ON = 'do $$ begin for i in 1..5000 loop perform pg_current_xact_id(); commit; end loop; end $$';

describe('the origin of a database', () => {
  it('is the same, new or another one', () => {
    assert.equal(lookAt({ known: 'a', isAhead: false }, 'a'), 'same');
    assert.equal(lookAt({ known: null, isAhead: false }, 'a'), 'new');
    assert.equal(lookAt({ known: 'a', isAhead: false }, 'b'), 'restored');
  });

  it('shows in the numbers of transactions if the server does not tell its identifier', () => {
    assert.equal(lookAt({ known: null, isAhead: false }, null), 'same');
    assert.equal(lookAt({ known: 'a', isAhead: false }, null), 'same');
    assert.equal(lookAt({ known: 'a', isAhead: true }, null), 'restored');
  });
});

describe('a database that is restored into another cluster', { skip: NO_POSTGRES, timeout: 300_000 }, () => {
  let old: Postgres;
  let next: Postgres;
  let db: Database;
  before(async () => {
    [old, next] = await Promise.all([Postgres.start(), Postgres.start()]);
  });
  after(async () => {
    await db?.close();
    await Promise.all([old.stop(), next.stop()]);
  });

  it('is noticed once, and streams tell of a gap, repeat nothing and miss nothing', async () => {
    const source = { databaseUrl: old.url, dataDir: '' };
    await migrateTables(source);
    assert.deepEqual([await checkRestored(source), await checkRestored(source)], [false, false]);
    const before = await openDatabase(source);
    // The old cluster counts far more transactions than the new one.
    await before.script(COUNT_ON);
    await before.query("insert into alerts (thing, channel, incident, raised_at) values ('robot', 'fall', 'x', 1)");
    const { moment } = await new Looks(before).changes('robot', null);
    await before.close();

    const bin = dirname(realpathSync(join(findPostgres() ?? '', 'postgres')));
    const dump = join(old.folder, 'dump');
    await run(join(bin, 'pg_dump'), ['-Fc', '-f', dump, old.url]);
    const target = { databaseUrl: await next.createDatabase(), dataDir: '' };
    await run(join(bin, 'pg_restore'), ['--no-owner', '-d', target.databaseUrl, dump]);
    db = await openDatabase(target);
    const future = 'select count(*)::int as rows from alerts where changed_xid >= pg_snapshot_xmax(pg_current_snapshot())';
    assert.deepEqual(await db.query(future), [{ rows: 1 }]);
    await migrateTables(target);
    assert.deepEqual([await checkRestored(target), await checkRestored(target)], [true, false]);
    assert.deepEqual(await db.query(future), [{ rows: 0 }]);
    assert.deepEqual(await db.query('select epoch from database_origin'), [{ epoch: 1 }]);

    const looks = new Looks(db);
    const first = await looks.changes('robot', moment);
    assert.match(first.events, /^event: gap\n.*\n\nevent: alert\n/);
    assert.match(first.moment, /^1\//);
    // The numbers of the new cluster pass those of the old one.
    for (let i = 0; i < 2; i++) await db.script(COUNT_ON);
    const second = await looks.changes('robot', first.moment);
    assert.equal(second.events, '');
    assert.match((await looks.changes('robot', moment)).events, /^event: gap\n/, 'a moment of the old cluster never counts again');

    await db.query("update alerts set resolved_at = 2 where thing = 'robot'");
    const third = await looks.changes('robot', second.moment);
    assert.match(third.events, /^event: alert\n[^\n]*"resolved"[^\n]*\n\n$/);
    assert.equal((await looks.changes('robot', third.moment)).events, '');
  });
});
