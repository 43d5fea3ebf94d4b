import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Postgres } from '../../test/support/postgres.ts';
import type { Database } from '../src/database/database.ts';
import { migrate } from '../src/database/migrate.ts';
import { postgresDatabase } from '../src/database/postgres.ts';
import { MIGRATIONS } from '../src/migrations/index.ts';
import { NO_POSTGRES, onEachDatabase } from './support/databases.ts';

const README = fileURLToPath(new URL('../README.md', import.meta.url));
const NUMBERS = MIGRATIONS.map(({ number }) => number);

test('instances that start together on an empty database apply each step once', { skip: NO_POSTGRES }, async () => {
  await withPostgres(async (open) => {
    const done = await Promise.all([open(), open(), open(), open()].map((db) => migrate(db)));
    assert.deepEqual(done.flat(), NUMBERS);
  });
});

test('inherited tables that exist already keep their rows', { skip: NO_POSTGRES }, async () => {
  await withPostgres(async (open) => {
    const db = open();
    await db.script(`create table users (id serial primary key, phone varchar(20) unique not null,
      hashed_password varchar(255) not null, created_at timestamp default current_timestamp)`);
    await db.query('insert into users (phone, hashed_password) values ($1, $2)', ['12345678', 'x']);
    await migrate(db);
    assert.deepEqual(await db.query('select id, phone from users'), [{ id: 1, phone: '12345678' }]);
  });
});

onEachDatabase('migrations', (db) => {
  test('a second start applies no step', async () => {
    assert.deepEqual(await migrate(db()), []);
  });

  test('a failed step also rolls back the steps before it', async () => {
    const planted = [...MIGRATIONS, { number: 1_001, name: 'fine', sql: 'create table planted (id int)' }];
    const failing = [...planted, { number: 1_002, name: 'fails', sql: 'create table planted (id int)' }];
    await assert.rejects(migrate(db(), failing), /already exists/);
    assert.deepEqual(await db().query(`select to_regclass('planted')::text as name`), [{ name: null }]);
    assert.deepEqual(await migrate(db(), planted), [1_001]);
  });

  test('a database of a newer program is refused with a remedy', async () => {
    await assert.rejects(migrate(db()), /the database is at migration 1001, this program knows \d+; start the newer program/);
  });

  test('the README lists exactly the tables of the database', async () => {
    const rows = await db().query<{ name: string }>(
      `select relname as name from pg_class join pg_namespace n on n.oid = relnamespace
      where n.nspname = 'public' and relkind in ('r', 'p') and not relispartition and relname <> 'planted'`,
    );
    const [, section = ''] = /## Tables([\s\S]*?)## Tests/.exec(readFileSync(README, 'utf8')) ?? [];
    const firstCells = [...section.matchAll(/^\|([^|]*)\|/gm)].map(([, cell = '']) => cell);
    const listed = firstCells.flatMap((cell) => [...cell.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name));
    assert.deepEqual(listed.sort(), rows.map(({ name }) => name).sort());
  });

  test('the inherited tables have the specified columns', async () => {
    const columns = await db().query<{ line: string }>(
      `select table_name || '.' || column_name || ' ' || data_type || coalesce('(' || character_maximum_length || ')', '') ||
        case is_nullable when 'NO' then ' not null' else '' end as line
      from information_schema.columns where table_name in ('users', 'system_health', 'safety_monitor') and table_schema = 'public'
      order by table_name, ordinal_position`,
    );
    const word = (name: string): string => `safety_monitor.${name} character varying(20) not null`;
    assert.deepEqual(
      columns.map(({ line }) => line),
      [
        'safety_monitor.id integer not null',
        ...['gas', 'fire', 'fall', 'stranger'].map(word),
        'safety_monitor.created_at timestamp without time zone',
        'system_health.id integer not null',
        'system_health.power integer not null',
        'system_health.temperature double precision not null',
        'system_health.created_at timestamp without time zone',
        'users.id integer not null',
        'users.phone character varying(20) not null',
        'users.hashed_password character varying(255) not null',
        'users.created_at timestamp without time zone',
      ],
    );
  });
});

async function withPostgres(work: (open: () => Database) => Promise<void>): Promise<void> {
  const server = await Postgres.start();
  const opened: Database[] = [];
  try {
    await work(() => {
      const db = postgresDatabase({ url: server.url });
      opened.push(db);
      return db;
    });
  } finally {
    await Promise.all(opened.map((db) => db.close()));
    await server.stop();
  }
}
