// An alert always stands in `alerts`, whatever else its message contains.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test/support/until.ts';
import { listAlerts } from '../src/alerts/index.ts';
import type { Database } from '../src/database/index.ts';
import { alertsIn } from '../src/messages/unreadAlerts.ts';
import { changedBy } from '../src/stream/index.ts';
import { onEachDatabase } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { accountOf, poisonOf } from './support/ledger.ts';
import { newThing, presence, telemetry } from './support/robot.ts';

const RAISED_AT = 1_763_929_000_001;
const EXTRA = {
  alert: 'raised',
  incident: 'i-1',
  flapping: { raised: 0, cleared: 0, ms: 0 },
  clock: 'untrusted',
  volatile: true,
  stamp: 1.5,
  bad: 'nan',
  occurrences: 1,
};
const ROW = [7, RAISED_AT, 'fall', true, EXTRA];
type Path = readonly (string | number)[];

/** JSON texts that take the place of a value, or of a new field. */
const HOSTILE: readonly string[] = [
  ...['null', 'true', 'false', '0', '-1', '1.5', '9007199254740993', '1e999', 'NaN', 'undefined', ''],
  ...['""', '"escalated"', '"\\u0000"', '"\\ud800"', `"${'x'.repeat(2_000)}"`, '"][}{"', '"\\"alert\\":"', '"elderly_bot"', '"__proto__"'],
  ...['[]', '{}', '[null]', '{"alert":"raised"}', '{"__proto__":1}', '[[1,2],[3]]', `${'['.repeat(6_000)}${']'.repeat(6_000)}`],
];

onEachDatabase('an alert', (db) => {
  test('stands whatever value or field is at any place of its message, and no receipt comes without it', async () => {
    const cloud = new Instance(db(), { patterns: ['fleet/+'] });
    const lost: string[] = [];
    const sent = placesOf(messageOf('x')).flatMap((place) => HOSTILE.map((hostile) => ({ place, hostile, thing: newThing() })));
    await Promise.all(
      sent.map(({ place, hostile, thing }) => cloud.send(`fleet/${thing}/telemetry`, planted(messageOf(thing), place, hostile))),
    );
    await cloud.stop();
    const standing = await db().query<{ thing: string }>(
      `select distinct thing from alerts where resolved_at is null and raised_at is not null`,
    );
    const things = new Set(standing.map(({ thing }) => thing));
    for (const { place, hostile, thing } of sent) if (!things.has(thing)) lost.push(`${place.join('.')} = ${hostile.slice(0, 40)}`);
    assert.deepEqual(lost, [], `${lost.length} of ${sent.length} alerts are lost`);
    assert.ok(sent.length > 500);
  });

  test('stands for each value of `alert` that is not null, whatever the kind of the message', async () => {
    const cloud = new Instance(db());
    const values = HOSTILE.filter((hostile) => hostile !== 'null');
    for (const value of values) {
      const thing = newThing();
      const row = [7, RAISED_AT, 'fall', true, { alert: 'PLANTED' }];
      await cloud.send(
        'elderly_bot/telemetry',
        JSON.stringify(telemetry({ thing }, [row])).replace('"PLANTED"', () => value),
      );
      assert.deepEqual(
        (await alertsOf(db(), thing)).map(({ channel }) => channel),
        ['fall'],
        value,
      );
    }
    await cloud.stop();
  });

  test('keeps its value if only optional fields are those of a newer robot', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const newer = { ...EXTRA, bad: 'stale', clock: 'drifting', volatile: 'partly', flapping: 3, stamp: 'now', occurrences: 0, floor: 2 };
    await cloud.send('elderly_bot/telemetry', telemetry({ thing }, [[...ROW.slice(0, 4), newer, 'more']]));
    await cloud.stop();
    assert.deepEqual(await alertsOf(db(), thing), [{ channel: 'fall', incident: 'i-1', value: true, raised_at: RAISED_AT, unread: null }]);
  });

  test('with an empty incident is an alert of its own', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const rows = [1, 2].map((seq) => [seq, RAISED_AT, 'fall', true, { alert: 'raised', incident: '' }]);
    await cloud.send('elderly_bot/telemetry', telemetry({ thing }, rows));
    await cloud.stop();
    assert.deepEqual((await alertsOf(db(), thing)).map(({ incident }) => incident).toSorted(), ['box-1/1', 'box-1/2']);
  });

  test('tells the streams of its robot', async () => {
    const thing = newThing();
    const changed: string[] = [];
    const cloud = new Instance(db(), { patterns: ['fleet/+'], onCommitted: (messages) => changed.push(...changedBy(messages)) });
    await cloud.send(`fleet/${thing}/telemetry`, '"alert');
    await cloud.send(`fleet/${thing}/telemetry`, '{"alert":"raised"');
    await cloud.stop();
    assert.deepEqual(changed, [thing]);
  });

  test('is marked unread for its channel if its row cannot be read, and the readable row takes its place in any order', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const thing = newThing();
      const cloud = new Instance(db());
      const rows = [
        [7, 'yesterday', 'fall', true, EXTRA],
        [8, RAISED_AT, 'fall', true, { alert: 'raised', incident: 'i-1' }],
      ];
      await cloud.send('elderly_bot/telemetry', telemetry({ thing }, [rows[order[0] ?? 0]]));
      if (order[0] === 0) {
        const [alert] = await alertsOf(db(), thing);
        assert.deepEqual([alert?.channel, alert?.incident, alert?.value], ['fall', 'i-1', null]);
        assert.match(alert?.unread ?? '', /^1: .*expected number/);
        assert.ok(Math.abs((alert?.raised_at ?? 0) - Date.now()) < 60_000, 'the cloud’s time counts');
      }
      await cloud.send('elderly_bot/telemetry', telemetry({ thing }, [rows[order[1] ?? 0]]));
      await cloud.stop();
      assert.deepEqual(await alertsOf(db(), thing), [
        { channel: 'fall', incident: 'i-1', value: true, raised_at: RAISED_AT, unread: null },
      ]);
    }
  });

  test('is raised once if its message comes again, even if nothing in it can be read', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await cloud.send('elderly_bot/presence', presence({ thing }, []));
    for (const ms of [1, 2, 3]) {
      const text = `{"thing":"${thing}","mark":[1,${ms}],"kind":"alert","readings":[[1,2,"gas",NaN],[2,5,"fall",NaN,{"alert":"raised"}]]}`;
      await cloud.send('elderly_bot/telemetry', text);
    }
    await cloud.stop();
    const alerts = await alertsOf(db(), thing);
    assert.deepEqual(
      alerts.map(({ channel, raised_at }) => [channel, raised_at]),
      [['fall', 5]],
    );
    assert.match(alerts[0]?.unread ?? '', /^unreadable: /);
  });

  test('belongs to the only robot with its prefix if its message has no readable thing', async () => {
    const thing = newThing();
    const cloud = new Instance(db(), { patterns: ['home'] });
    await cloud.send('home/presence', presence({ thing }, []));
    await cloud.send('home/telemetry', JSON.stringify({ ...messageOf('x'), thing: 5 }));
    await cloud.stop();
    assert.deepEqual(
      (await alertsOf(db(), thing)).map(({ channel, incident }) => [channel, incident]),
      [['fall', 'i-1']],
    );
  });

  test('is never raised for another robot than that of the topic', async () => {
    const [thing, other] = [newThing(), newThing()];
    const cloud = new Instance(db(), { patterns: ['fleet/+'] });
    await cloud.send(`fleet/${thing}/telemetry`, messageOf(other));
    await cloud.stop();
    assert.deepEqual([(await alertsOf(db(), thing)).length, (await alertsOf(db(), other)).length], [1, 0]);
  });

  test('stands if the database refuses another row of its message, and the message is poison', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await db().script(`alter table readings add constraint planted check (channel <> 'planted')`);
    const cleared = [9, RAISED_AT + 5, 'gas', false, { alert: 'cleared', incident: 'i-0' }];
    await cloud.send(
      'elderly_bot/telemetry',
      telemetry({ thing }, [[6, 1, 'planted', 1], ROW, [8, RAISED_AT, 'gas', true, { alert: 'raised', incident: 'i-0' }], cleared]),
    );
    await db().script('alter table readings drop constraint planted');
    await cloud.stop();
    const alerts = await listAlerts(db(), { thing, limit: 9 });
    assert.deepEqual(alerts.map(({ incident, state }) => [incident, state]).toSorted(), [
      ['i-0', 'resolved'],
      ['i-1', 'committed'],
    ]);
    assert.match(alerts[0]?.unread ?? '', /planted/);
    assert.equal((await accountOf(db(), thing))?.committed, 4);
    assert.equal((await poisonOf(db(), thing)).length, 1);
  });

  test('that the database cannot store gets no receipt', async () => {
    const [refused, failed] = [newThing(), newThing()];
    const cloud = new Instance(db());
    await db().script(`create function planted() returns trigger language plpgsql as $$ begin
        if new.thing = '${failed}' then raise 'planted' using errcode = '53100'; end if; return new; end $$;
      create trigger planted before insert on alerts for each row execute function planted();
      alter table alerts add constraint planted check (thing <> '${refused}')`);
    await cloud.send('elderly_bot/telemetry', telemetry({ thing: refused }, [ROW]));
    assert.equal(await accountOf(db(), refused), undefined, 'the robot keeps the row and sends it again');
    let isAcknowledged = false;
    const sending = cloud.send('elderly_bot/telemetry', telemetry({ thing: failed }, [ROW])).then(() => {
      isAcknowledged = true;
    });
    await eventually(
      () => cloud.codes.filter((code) => code === '53100'),
      ({ length }) => length > 1,
    );
    assert.deepEqual([isAcknowledged, await accountOf(db(), failed)], [false, undefined]);
    await db().script('drop trigger planted on alerts; drop function planted; alter table alerts drop constraint planted');
    await sending;
    await cloud.send('elderly_bot/telemetry', telemetry({ thing: refused }, [ROW]));
    await cloud.stop();
    for (const thing of [refused, failed]) {
      assert.deepEqual(
        (await alertsOf(db(), thing)).map(({ value, unread }) => [value, unread]),
        [[true, null]],
      );
      assert.equal((await accountOf(db(), thing))?.committed, 1);
    }
  });
});

test('a long hostile text is searched in linear time and yields a bounded number of alerts', () => {
  for (const part of ['"alert"', '"alert":', '["', '[1,2,"fall",{"alert":', '"thing":"', '"incident":"', '"alert" : ', '"a",']) {
    const startMs = performance.now();
    assert.ok(alertsIn(part.repeat(Math.ceil(2_000_000 / part.length)), 'why').length <= 50);
    assert.ok(performance.now() - startMs < 5_000, part);
  }
});

function messageOf(thing: string): Record<string, unknown> {
  return telemetry({ thing, accepted: 9 }, [[6, 1, 'gas', false], ROW], { kind: 'alert', state_seq: 9, gas: false, fall: true });
}

/** Every place of a JSON value, and a new one in each object and list. */
function placesOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const own = Object.entries(value).flatMap(([key, inner]) => placesOf(inner, [...path, Array.isArray(value) ? Number(key) : key]));
  return [...(path.length > 0 ? [path] : []), ...own, [...path, Array.isArray(value) ? value.length : 'newer']];
}

function planted(message: Record<string, unknown>, path: Path, hostile: string): string {
  const copy = structuredClone(message);
  const holder = path.slice(0, -1).reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], copy) as Record<
    string,
    unknown
  >;
  holder[path.at(-1) ?? ''] = 'PLANTED';
  return JSON.stringify(copy).replace('"PLANTED"', () => hostile);
}

async function alertsOf(db: Database, thing: string) {
  const alerts = await listAlerts(db, { thing, limit: 20 });
  return alerts.map(({ channel, incident, value, raised_at, unread }) => ({ channel, incident, value, raised_at, unread }));
}
