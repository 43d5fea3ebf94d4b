// A rolling deploy and its rollback: two instances on one database, of which the earlier one does not know the last migration.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { Postgres } from '../../test/support/postgres.ts';
import type { Database } from '../src/database/database.ts';
import { migrateTables } from '../src/database/open.ts';
import { postgresDatabase } from '../src/database/postgres.ts';
import { MIGRATIONS } from '../src/migrations/index.ts';
import { ChangeNotifier, changedBy } from '../src/stream/changeNotifier.ts';
import { Api } from './support/api.ts';
import { NO_POSTGRES } from './support/databases.ts';
import { EventStream } from './support/eventStream.ts';
import { Instance } from './support/instance.ts';
import { accountOf, poisonCount, seqsOf } from './support/ledger.ts';
import { newThing, telemetry } from './support/robot.ts';

/** Rows in each of the five parts of the deploy. Each row raises an alert, so that the stream shows each of them. An event of the stream may come twice. */
const PART = 8;
const AT_MS = 1_763_929_000_000;

interface Version {
  readonly cloud: Instance;
  stop(): Promise<void>;
}

async function startVersion(db: Database): Promise<Version> {
  const notifier = new ChangeNotifier(db, pino({ level: 'silent' }));
  await notifier.start();
  const cloud = new Instance(db, { onCommitted: (messages) => notifier.changed(changedBy(messages)) });
  let ended: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    await cloud.stop();
    await notifier.stop();
  };
  return { cloud, stop: () => (ended ??= end()) };
}

// A test whose event never comes ends here, and its connections with it.
const options = { skip: NO_POSTGRES, timeout: 180_000 };

test('a rolling deploy and its rollback lose and double no row, and the stream shows every alert', options, async (t) => {
  // Ends what was started, the latest first.
  const ends: (() => Promise<unknown>)[] = [];
  t.after(async () => {
    for (const end of ends.reverse()) await end();
  });
  const server = await Postgres.start();
  ends.push(() => server.stop());
  const open = (): Database => {
    const db = postgresDatabase({ url: server.url });
    ends.push(() => db.close());
    return db;
  };
  const start = async (): Promise<Version> => {
    const version = await startVersion(open());
    ends.push(() => version.stop());
    return version;
  };
  const settings = { databaseUrl: server.url, dataDir: '' };
  const next = { number: 1_001, name: 'next', sql: 'alter table robots add column planted text; create table planted (id int)' };
  assert.deepEqual((await migrateTables(settings)).length, MIGRATIONS.length);
  const db = open();
  const [thing, statuses] = [newThing(), [] as number[]];
  const api = await Api.open(db);
  ends.push(() => api.close());
  const url = await api.app.listen({ host: '127.0.0.1', port: 0 });
  const { token } = await api.register(thing);
  const earlier = await start();
  let seq = 0;
  const send = async (through: readonly Version[], count = PART): Promise<void> => {
    for (const last = seq + count; seq < last; ) {
      seq++;
      const row = [seq, AT_MS + seq, 'fall', true, { alert: 'raised', incident: `i-${seq}` }];
      const message = telemetry({ thing, accepted: seq, mark: [1, seq] }, [row], { kind: 'alert', state_seq: seq, fall: seq });
      // The broker delivers a message again if the connection of an instance ends before its PUBACK.
      await Promise.all(through.map(({ cloud }) => cloud.send('elderly_bot/telemetry', message)));
      statuses.push((await api.ask('GET', `/alerts?thing=${thing}`, { token })).status);
    }
  };

  await send([earlier]);
  const stream = await EventStream.open(`${url}/telemetry/stream?thing=${thing}`, token);
  ends.push(() => stream.leave());
  await stream.event('state');
  const [applied] = await Promise.all([migrateTables(settings, { migrations: [...MIGRATIONS, next] }), send([earlier])]);
  assert.deepEqual(applied, [1_001]);
  const later = await start();
  await send([earlier, later]);
  await earlier.stop();
  await send([later]);
  // The rollback: the earlier program starts on the newer tables, and the newer one stops.
  assert.deepEqual(await migrateTables(settings), []);
  const again = await start();
  await send([later, again]);
  await later.stop();
  await send([again]);
  await again.stop();

  const all = Array.from({ length: seq }, (_, i) => i + 1);
  assert.deepEqual(await seqsOf(db, 'readings', thing), all);
  assert.deepEqual(await accountOf(db, thing), { outbox: 'box-1', accepted: seq, committed: seq, evicted: 0, outstanding: 0 });
  assert.equal(await poisonCount(db), 0);
  assert.deepEqual([...new Set(statuses)], [200]);
  await stream.event('alert', ({ incident }) => incident === `i-${seq}`);
  await stream.event('state', ({ state }) => (state as { fall?: number }).fall === seq);
  const raised = stream.events.filter(({ name, data }) => name === 'alert' && data.state === 'committed').map(({ data }) => data.incident);
  assert.deepEqual([...new Set(raised)].sort(), all.map((n) => `i-${n}`).sort(), 'every alert is shown');
});
