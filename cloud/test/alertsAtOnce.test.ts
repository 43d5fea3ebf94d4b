// Members see and acknowledge alerts while the robot changes them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../test/support/until.ts';
import { listAlerts, markSeen } from '../src/alerts/alerts.ts';
import { alertsOf, cleared, newUser, raised } from './support/alertRows.ts';
import { Api } from './support/api.ts';
import { onPostgres } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { newThing, telemetry } from './support/robot.ts';

const TELEMETRY = 'elderly_bot/telemetry';
const [MEMBERS, ROUNDS, EACH] = [4, 3, 60];

onPostgres('alerts that their robot changes at this moment', (db, another) => {
  test('are seen by a member without a deadlock, whatever the order of the changes', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await cloud.send(TELEMETRY, telemetry({ thing }, [raised(1, 'i-1'), raised(2, 'i-2'), raised(3, 'i-3')]));
    await cloud.stop();
    const ids = (await alertsOf(db(), thing)).map(({ id }) => id);
    const [last = 0, middle = 0, first = 0] = ids;
    const user = await newUser(db());
    const resolve = 'update alerts set resolved_at = 1 where id = $1';
    const seen = await another().transaction(async (sql) => {
      await sql.query(resolve, [middle]);
      const waiting = markSeen(db(), ids, user);
      const blocked = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%alert%'`;
      await until(async () => (await db().query(blocked)).length === 1, 'the member waits for the robot');
      await sql.query(resolve, [first]);
      await sql.query(resolve, [last]);
      return { waiting };
    });
    assert.equal(await seen.waiting, true);
    for (const { state, seen_by } of await alertsOf(db(), thing)) assert.deepEqual([state, seen_by.length], ['resolved', 1]);
  });

  test('are seen and acknowledged by several members while the robot goes on, and no transaction is the victim of a deadlock', async () => {
    const thing = newThing();
    const cloud = new Instance(another());
    const api = await Api.open(db());
    const tokens: string[] = [];
    for (let n = 0; n < MEMBERS; n++) tokens.push((await api.register(thing)).token);
    let seq = 0;
    const all = (row: (seq: number, incident: string) => unknown[], round: number): unknown[][] =>
      Array.from({ length: EACH }, (_, i) => row(++seq, `i-${round}-${String(i).padStart(3, '0')}`));
    for (let round = 0; round < ROUNDS; round++) {
      await cloud.send(TELEMETRY, telemetry({ thing }, all(raised, round)));
      const ids = (await listAlerts(db(), { thing, limit: EACH })).map(({ id }) => id);
      const requests = tokens.flatMap((token, n) => [
        api.ask('POST', '/alerts/seen', { token, body: { ids: n % 2 ? ids : ids.toReversed() } }),
        api.ask('POST', `/alerts/${ids[n]}/acknowledge`, { token }),
      ]);
      let isAnswered = false;
      const answers = Promise.all(requests).finally(() => {
        isAnswered = true;
      });
      // The robot writes to all its alerts, the oldest first, until the members have their answers.
      do await cloud.send(TELEMETRY, telemetry({ thing }, all(cleared, round)));
      while (!isAnswered);
      for (const { status, body } of await answers) assert.equal(status, 200, JSON.stringify(body));
    }
    await cloud.stop();
    assert.ok(!cloud.codes.includes('40P01'), cloud.codes.join());
    for (const { state, seen_by } of await listAlerts(db(), { thing, limit: ROUNDS * EACH }))
      assert.deepEqual([state, seen_by.length], ['resolved', MEMBERS]);
    await api.close();
  });
});
