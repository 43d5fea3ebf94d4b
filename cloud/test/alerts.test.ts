import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Alert, acknowledgeAlert, listAlerts, markSeen } from '../src/alerts/alerts.ts';
import { alertsOf, CLEARED_AT, cleared, newUser, RAISED_AT, raised } from './support/alertRows.ts';
import { Api } from './support/api.ts';
import { onEachDatabase } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { event, newThing, telemetry } from './support/robot.ts';

const TELEMETRY = 'elderly_bot/telemetry';

onEachDatabase('alerts', (db, another) => {
  test('a raising row creates one alert, even if it arrives repeatedly through several instances', async () => {
    const thing = newThing();
    const clouds = [new Instance(db()), new Instance(another())];
    await Promise.all(clouds.flatMap((cloud) => [1, 2].map(() => cloud.send(TELEMETRY, telemetry({ thing }, [raised(1, 'i-1')])))));
    await Promise.all(clouds.map((cloud) => cloud.stop()));
    const [alert, ...more] = await alertsOf(db(), thing);
    assert.equal(more.length, 0);
    assert.deepEqual(
      { state: alert?.state, channel: alert?.channel, value: alert?.value, incident: alert?.incident, at: alert?.raised_at },
      { state: 'committed', channel: 'fall', value: true, incident: 'i-1', at: RAISED_AT },
    );
    assert.equal(alert?.resolved_at, null);
  });

  test('the order of the raising and the clearing row does not change the alert', async () => {
    const [apart, together] = [newThing(), newThing()];
    const cloud = new Instance(db());
    await cloud.send(TELEMETRY, telemetry({ thing: apart }, [cleared(2, 'i-1')]));
    assert.deepEqual(
      (await alertsOf(db(), apart)).map(({ state, raised_at }) => [state, raised_at]),
      [['resolved', null]],
    );
    await cloud.send(TELEMETRY, telemetry({ thing: apart }, [raised(1, 'i-1')]));
    await cloud.send(TELEMETRY, telemetry({ thing: together }, [raised(1, 'i-1'), cleared(2, 'i-1')]));
    await cloud.stop();
    for (const thing of [apart, together]) {
      const shown = (await alertsOf(db(), thing)).map(({ state, value, raised_at, resolved_at }) => [state, value, raised_at, resolved_at]);
      assert.deepEqual(shown, [['resolved', true, RAISED_AT, CLEARED_AT]]);
    }
  });

  test('the clearing row of an event says how often it happened, in any order of the rows', async () => {
    const [inOrder, reversed] = [newThing(), newThing()];
    const cloud = new Instance(db());
    await cloud.send(TELEMETRY, telemetry({ thing: inOrder }, [raised(1, 'i-1')]));
    assert.deepEqual(
      (await alertsOf(db(), inOrder)).map(({ occurrences }) => occurrences),
      [null],
    );
    await cloud.send(TELEMETRY, telemetry({ thing: inOrder }, [cleared(2, 'i-1', 3)]));
    await cloud.send(TELEMETRY, telemetry({ thing: reversed }, [cleared(2, 'i-1', 3)]));
    await cloud.send(TELEMETRY, telemetry({ thing: reversed }, [raised(1, 'i-1')]));
    await cloud.stop();
    for (const thing of [inOrder, reversed]) {
      const shown = (await alertsOf(db(), thing)).map(({ state, occurrences }) => [state, occurrences]);
      assert.deepEqual(shown, [['resolved', 3]]);
    }
  });

  test('summaries count the changes of a flapping alert, in any order of the rows', async () => {
    const flaps = (alert: 'raised' | 'cleared', changes: number, ms: number, seq: number): unknown[] => [
      ...[seq, RAISED_AT + ms, 'fall', alert === 'raised'],
      { alert, incident: 'i-1', flapping: { raised: changes, cleared: changes, ms } },
    ];
    const rows = [flaps('raised', 0, 0, 1), flaps('raised', 41, 60_000, 2), flaps('cleared', 50, 120_000, 3)];
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      const thing = newThing();
      const cloud = new Instance(db());
      for (const i of order) await cloud.send(TELEMETRY, telemetry({ thing }, [rows[i]]));
      await cloud.stop();
      assert.deepEqual(
        (await alertsOf(db(), thing)).map(({ state, raised_at, resolved_at, flapping }) => [state, raised_at, resolved_at, flapping]),
        [['resolved', RAISED_AT, RAISED_AT + 120_000, { raised: 50, cleared: 50, ms: 120_000 }]],
      );
    }
  });

  test('a summary leaves the alert open, and its corrected time is not that of the alert', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const summary = [
      2,
      RAISED_AT + 60_000,
      'fall',
      true,
      { alert: 'raised', incident: 'i-1', flapping: { raised: 9, cleared: 9, ms: 60_000 } },
    ];
    await cloud.send(TELEMETRY, telemetry({ thing }, [raised(1, 'i-1'), summary]));
    await cloud.send(
      'elderly_bot/events',
      event({ thing }, 3, { kind: 'clock_set', of: 'box-1', boot: 1, ranges: [[1, 2]], offset_ms: 1_000 }),
    );
    await cloud.stop();
    assert.deepEqual(
      (await alertsOf(db(), thing)).map(({ state, raised_at, flapping }) => [state, raised_at, flapping?.raised]),
      [['committed', RAISED_AT + 1_000, 9]],
    );
  });

  test('without an incident, the raising row names the alert and the clearing row resolves the open alerts of its channel', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await cloud.send(TELEMETRY, telemetry({ thing }, [raised(7)]));
    await cloud.send(TELEMETRY, telemetry({ thing }, [cleared(8)]));
    await cloud.stop();
    assert.deepEqual(
      (await alertsOf(db(), thing)).map(({ incident, state, resolved_at }) => [incident, state, resolved_at]),
      [['box-1/7', 'resolved', CLEARED_AT]],
    );
  });

  test('an alert becomes seen, acknowledged and resolved, and each time is set once', async () => {
    const thing = newThing();
    const [ann, bob] = [await newUser(db()), await newUser(db())];
    const cloud = new Instance(db());
    await cloud.send(TELEMETRY, telemetry({ thing }, [raised(1, 'i-1')]));
    const id = (await alertsOf(db(), thing))[0]?.id ?? 0;
    await markSeen(db(), [id], ann);
    await markSeen(db(), [id], ann);
    const seen = (await alertsOf(db(), thing))[0];
    assert.equal(seen?.state, 'seen');
    assert.deepEqual(seen?.seen_by, [{ user_id: ann, at: seen?.seen_at }]);
    assert.equal((await acknowledgeAlert(db(), thing, id, bob))?.state, 'acknowledged');
    const first = await acknowledgeAlert(db(), thing, id, ann);
    assert.equal(first?.acknowledged_by, bob);
    assert.deepEqual(
      first?.seen_by.map(({ user_id }) => user_id),
      [ann, bob],
    );
    await cloud.send(TELEMETRY, telemetry({ thing }, [cleared(2, 'i-1')]));
    await cloud.stop();
    const [end] = await alertsOf(db(), thing);
    assert.deepEqual([end?.state, end?.acknowledged_by, end?.resolved_at], ['resolved', bob, CLEARED_AT]);
    assert.equal(await acknowledgeAlert(db(), 'another-robot', id, bob), null);
  });

  test('a clock_set event also corrects the times of the alert, before and after its rows arrive', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const set = event({ thing }, 3, { kind: 'clock_set', of: 'box-1', boot: 1, ranges: [[1, 2]], offset_ms: 1_000 });
    await cloud.send(TELEMETRY, telemetry({ thing }, [raised(1, 'i-1')]));
    await cloud.send('elderly_bot/events', set);
    await cloud.send(TELEMETRY, telemetry({ thing }, [cleared(2, 'i-1')]));
    await cloud.stop();
    assert.deepEqual(
      (await alertsOf(db(), thing)).map(({ raised_at, resolved_at }) => [raised_at, resolved_at]),
      [[RAISED_AT + 1_000, CLEARED_AT + 1_000]],
    );
  });

  test('alerts are listed in pages, newest first', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    for (const seq of [1, 2, 3]) await cloud.send(TELEMETRY, telemetry({ thing }, [raised(seq, `i-${seq}`)]));
    await cloud.stop();
    const page = await listAlerts(db(), { thing, limit: 2 });
    assert.deepEqual(
      page.map(({ incident }) => incident),
      ['i-3', 'i-2'],
    );
    const rest = await listAlerts(db(), { thing, limit: 2, before: page.at(-1)?.id ?? null });
    assert.deepEqual(
      rest.map(({ incident }) => incident),
      ['i-1'],
    );
  });

  test('reading the list changes nothing; a member reports which alerts were seen', async () => {
    const [thing, foreign] = [newThing(), newThing()];
    const cloud = new Instance(db());
    await cloud.send(TELEMETRY, telemetry({ thing }, [raised(1, 'i-1'), raised(2, 'i-2')]));
    await cloud.send(TELEMETRY, telemetry({ thing: foreign }, [raised(1, 'i-1')]));
    await cloud.stop();
    const api = await Api.open(db());
    const { token } = await api.register(thing);
    const states = async () =>
      ((await api.ask('GET', '/alerts', { token })).body as { alerts: Alert[] }).alerts.map(({ state, seen_by }) => [
        state,
        seen_by.length,
      ]);
    const unseen = [
      ['committed', 0],
      ['committed', 0],
    ];
    assert.deepEqual([await states(), await states()], [unseen, unseen]);
    const [second, first] = await alertsOf(db(), thing);
    const [other] = await alertsOf(db(), foreign);
    const see = (ids: unknown[]) => api.ask('POST', '/alerts/seen', { token, body: { ids } });
    const refused = await see([first?.id, other?.id]);
    assert.deepEqual([refused.status, refused.body], [404, { detail: `you have no alert ${other?.id}` }]);
    assert.deepEqual(await states(), unseen);
    for (const wrong of [[], ['1'], Array.from({ length: 201 }, () => first?.id)]) assert.equal((await see(wrong)).status, 422);
    for (let i = 0; i < 2; i++) {
      const seen = await see([first?.id]);
      assert.equal(seen.status, 200);
      assert.deepEqual(
        (seen.body as { alerts: Alert[] }).alerts.map(({ id, state }) => [id, state]),
        [[first?.id, 'seen']],
      );
    }
    assert.deepEqual(await states(), [
      ['committed', 0],
      ['seen', 1],
    ]);
    assert.equal((await alertsOf(db(), foreign))[0]?.state, 'committed');
    assert.ok(second);
    await api.close();
  });

  test('received_at is the time of the insertion, not the start of the transaction', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const { began, sent } = await db().transaction(async (sql) => {
      await sql.query('lock table outboxes in exclusive mode');
      const waiting = cloud.send(TELEMETRY, telemetry({ thing }, [raised(1, 'i-1')]));
      await sql.query('select pg_sleep(0.3)');
      const [row] = await sql.query<{ began: number }>('select (extract(epoch from clock_timestamp()) * 1000)::bigint as began');
      return { began: row?.began ?? 0, sent: { waiting } };
    });
    await sent.waiting;
    await cloud.stop();
    const [row] = await db().query<{ at: number }>(
      'select (extract(epoch from received_at) * 1000)::bigint as at from readings where thing = $1',
      [thing],
    );
    assert.ok((row?.at ?? 0) >= began, `received at ${row?.at}, though the lock was held until ${began}`);
  });
});
