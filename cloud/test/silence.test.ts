import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { Mark } from '../../src/wire/index.ts';
import { listAlerts } from '../src/alerts/alerts.ts';
import { checkSilence, GAP_MS, ROBOT_SILENT, setSilence } from '../src/alerts/silence.ts';
import { Maintenance } from '../src/maintenance/maintenance.ts';
import { DEFAULT_RETENTION } from '../src/settings/values.ts';
import { onEachDatabase } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { newThing, presence, readings, telemetry } from './support/robot.ts';

const TELEMETRY = 'elderly_bot/telemetry';
const AFTER_MS = 600_000;
const HOUR_MS = 3_600_000;

onEachDatabase('silence', (db, another) => {
  /** A robot that spoke once, `agoMs` ago, while somebody listened all the time. */
  const spoken = async (agoMs: number): Promise<string> => {
    const thing = newThing();
    const cloud = new Instance(db());
    await cloud.send(TELEMETRY, telemetry({ thing }, readings([1, 1])));
    await cloud.stop();
    await db().query(`update robots set last_heard_at = clock_timestamp() - $2 * interval '1 ms' where thing = $1`, [thing, agoMs]);
    await db().query(`update watch set checked_at = clock_timestamp(), listening_since = clock_timestamp() - interval '1 day'`);
    return thing;
  };
  const states = async (thing: string): Promise<string[]> =>
    (await listAlerts(db(), { thing, limit: 10 })).map(({ channel, state }) => `${channel} ${state}`);

  test('a robot that is silent for longer than it may be becomes one alert, however many instances look and however often', async () => {
    const [silent, speaking] = [await spoken(AFTER_MS + 1_000), await spoken(AFTER_MS - 60_000)];
    await Promise.all([db(), another(), db(), another()].map((one) => checkSilence(one, AFTER_MS)));
    assert.deepEqual(await states(silent), [`${ROBOT_SILENT} committed`]);
    assert.deepEqual(await states(speaking), []);
  });

  test('it is resolved when the robot is heard again, and raised anew when it falls silent once more', async () => {
    const thing = await spoken(HOUR_MS);
    await checkSilence(db(), AFTER_MS);
    const cloud = new Instance(db());
    await cloud.send(TELEMETRY, telemetry({ thing }, readings([2, 2])));
    await cloud.stop();
    const heard = await checkSilence(db(), AFTER_MS);
    assert.deepEqual(
      heard.filter((change) => change.thing === thing).map(({ raised }) => raised),
      [false],
    );
    assert.deepEqual(await states(thing), [`${ROBOT_SILENT} resolved`]);
    await db().query(`update robots set last_heard_at = clock_timestamp() - interval '30 min' where thing = $1`, [thing]);
    await checkSilence(db(), AFTER_MS);
    assert.deepEqual(await states(thing), [`${ROBOT_SILENT} committed`, `${ROBOT_SILENT} resolved`]);
  });

  test('a robot that says that it speaks more rarely may be silent for two of its intervals, and never for longer than two days', async () => {
    const say = async (thing: string, everyMs: number): Promise<void> => {
      const cloud = new Instance(db());
      await cloud.send('elderly_bot/presence', presence({ thing }, [], { telemetry_every_ms: everyMs }));
      await cloud.stop();
    };
    const heardAgo = (thing: string, ms: number) =>
      db().query(`update robots set last_heard_at = clock_timestamp() - $2 * interval '1 ms' where thing = $1`, [thing, ms]);
    const [stretched, over, quick, absurd] = [await spoken(0), await spoken(0), await spoken(0), await spoken(0)];
    for (const thing of [stretched, over]) await say(thing, HOUR_MS);
    await say(quick, 1_000);
    await say(absurd, 1_000 * HOUR_MS);
    await heardAgo(stretched, 2 * HOUR_MS - 60_000);
    await heardAgo(over, 2 * HOUR_MS + 60_000);
    await heardAgo(quick, AFTER_MS - 60_000);
    await heardAgo(absurd, 49 * HOUR_MS);
    await db().query(`update watch set checked_at = clock_timestamp(), listening_since = clock_timestamp() - interval '9 days'`);
    await checkSilence(db(), AFTER_MS);
    assert.deepEqual(await states(stretched), []);
    assert.deepEqual(await states(over), [`${ROBOT_SILENT} committed`]);
    assert.deepEqual(await states(quick), []);
    assert.deepEqual(await states(absurd), [`${ROBOT_SILENT} committed`]);
    await say(stretched, 1_000);
    await heardAgo(stretched, 2 * HOUR_MS - 60_000);
    await checkSilence(db(), AFTER_MS);
    assert.deepEqual(await states(stretched), [`${ROBOT_SILENT} committed`]);
  });

  test('presence alone is not trusted: one that was never said goodbye is silent too, and a last will is not the robot speaking', async () => {
    const thing = await spoken(0);
    const cloud = new Instance(db());
    await cloud.send('elderly_bot/presence', presence({ thing }, [['box-1', 1]]));
    await db().query(`update robots set last_heard_at = clock_timestamp() - interval '30 min' where thing = $1`, [thing]);
    await cloud.send('elderly_bot/presence', presence({ thing }, [], { online: false }));
    await cloud.stop();
    await checkSilence(db(), AFTER_MS);
    assert.deepEqual(await states(thing), [`${ROBOT_SILENT} committed`]);
    const [alert] = await listAlerts(db(), { thing, limit: 1 });
    assert.match(JSON.stringify(alert?.value), /"online":false/);
  });

  test('the alert says why, in words: an empty battery, a lost network, a shutdown, or a robot that says nothing', async () => {
    const low = { battery: 7.6, low: true, at: Date.UTC(2026, 10, 25, 14, 3) };
    const full = { ...low, battery: 80, low: false };
    const [gone, stopped] = [{ online: false }, { online: false, reason: 'stopped' }];
    const told = async (...said: readonly Record<string, unknown>[]): Promise<unknown> => {
      const thing = await spoken(0);
      const cloud = new Instance(db());
      for (const [i, one] of said.entries()) {
        const mark: Mark = [1, 1_000 + i];
        const seq = 10 + i;
        if (!('minutes' in one)) await cloud.send('elderly_bot/presence', presence({ thing, mark }, [], one));
        else {
          const reading = [seq, low.at + Number(one.minutes) * 60_000, 'battery', one.battery];
          await cloud.send(TELEMETRY, telemetry({ thing, mark, accepted: seq }, [reading], { state_seq: seq, battery: one.battery }));
        }
      }
      await cloud.stop();
      await db().query(`update robots set last_heard_at = clock_timestamp() - interval '30 min' where thing = $1`, [thing]);
      await checkSilence(db(), AFTER_MS);
      const [alert] = await listAlerts(db(), { thing, limit: 1 });
      assert.ok(alert);
      return (alert.value as { text?: unknown }).text;
    };
    assert.equal(await told({ power: low }, { ...gone, power: low }), 'probably its battery: 8 % at 2026-11-25 14:03 UTC');
    assert.equal(await told({ power: low }), 'probably its battery: 8 % at 2026-11-25 14:03 UTC');
    assert.equal(await told({ ...stopped, power: low }), 'probably its battery: 8 % at 2026-11-25 14:03 UTC, and then it was shut down');
    assert.equal(await told({ ...gone, power: full }), 'its network or its power was cut; its battery was at 80 % at 2026-11-25 14:03 UTC');
    assert.equal(await told({}, gone), 'its network or its power was cut');
    assert.equal(await told(stopped), 'it was shut down, or its program was stopped');
    assert.equal(await told({}), 'it is connected but sends nothing');
    // It was loaded in the meantime, and a new session says so.
    assert.match(
      String(await told({ power: low }, { session: 's2', power: full }, { ...gone, session: 's2', power: full })),
      /^its network/,
    );
    // The battery's last reading is later than what its session began with.
    assert.equal(
      await told({ power: low }, { battery: 3, minutes: 7 }, { ...gone, power: low }),
      'probably its battery: 3 % at 2026-11-25 14:10 UTC',
    );
    assert.equal(
      await told({ power: low }, { battery: 9, minutes: -7 }, { ...gone, power: low }),
      'probably its battery: 8 % at 2026-11-25 14:03 UTC',
    );
    assert.equal(
      await told({ battery: 55, minutes: 0 }, { battery: null, minutes: 1 }, gone),
      'its network or its power was cut; its battery was at 55 % at 2026-11-25 14:03 UTC',
    );
    // An odd time is no reason to say nothing.
    assert.equal(await told({ power: { ...low, at: 9e15 } }), 'probably its battery: 8 % at an unknown time');
  });

  test('a last will that knew less than its session says nothing about the power; one that overtook it does', async () => {
    const power = { battery: 8, low: true, at: 1 };
    const after = async (...said: readonly Record<string, unknown>[]): Promise<unknown> => {
      const thing = newThing();
      const cloud = new Instance(db());
      for (const one of said) await cloud.send('elderly_bot/presence', { ...presence({ thing }, []), ...one });
      await cloud.stop();
      return (await db().query<{ power: unknown }>('select power from robots where thing = $1', [thing]))[0]?.power;
    };
    const will = { online: false, mark: [1, 1_000] };
    assert.deepEqual(await after({ mark: [1, 2_000], power }, will), power);
    assert.deepEqual(await after({ ...will, power }), power);
    assert.deepEqual(await after({ ...will, power }, { mark: [1, 2_000] }), null);
  });

  test('after a time in which nobody listened silence counts from the return; a short restart forgets nothing', async () => {
    const thing = await spoken(HOUR_MS);
    await db().query(`update watch set checked_at = clock_timestamp() - $1 * interval '1 ms'`, [GAP_MS + 1_000]);
    await checkSilence(db(), AFTER_MS);
    assert.deepEqual(await states(thing), []);
    await checkSilence(db(), AFTER_MS);
    assert.deepEqual(await states(thing), []);
    await db().query(
      `update watch set checked_at = clock_timestamp() - $1 * interval '1 ms', listening_since = clock_timestamp() - interval '1 day'`,
      [GAP_MS - 60_000],
    );
    await checkSilence(db(), AFTER_MS);
    assert.deepEqual(await states(thing), [`${ROBOT_SILENT} committed`]);
  });

  test('a robot’s own time comes before the common one, and 0 is for ever', async () => {
    const [patient, watched, ignored] = [await spoken(HOUR_MS), await spoken(HOUR_MS), await spoken(HOUR_MS)];
    await setSilence(db(), patient, 2 * HOUR_MS);
    await setSilence(db(), watched, 60_000);
    await setSilence(db(), ignored, 0);
    await checkSilence(db(), 3 * HOUR_MS);
    assert.deepEqual([await states(patient), await states(watched), await states(ignored)], [[], [`${ROBOT_SILENT} committed`], []]);
    assert.equal(await setSilence(db(), 'nobody', 1), false);
  });

  test('the timer tells, and looks only while messages reach this instance', async () => {
    const thing = await spoken(HOUR_MS);
    let listening = false;
    const maintenance = (): Maintenance => new Maintenance(options);
    const told: string[] = [];
    let wake = (): void => {};
    const options = {
      db: db(),
      log: pino({ level: 'silent' }),
      retention: DEFAULT_RETENTION,
      silentAfterMs: AFTER_MS,
      uploads: null,
      expiring: [],
      listening: () => listening,
      onSilence: (changes: readonly { thing: string }[]): void => {
        told.push(...changes.map((change) => change.thing));
        wake();
      },
      silenceEveryMs: 5,
    };
    const deaf = maintenance();
    deaf.start();
    await db().query('select pg_sleep(0.1)');
    await deaf.stop();
    assert.deepEqual(await states(thing), []);
    listening = true;
    const hearing = maintenance();
    const first = new Promise<void>((resolve) => {
      wake = resolve;
    });
    hearing.start();
    await first;
    await hearing.stop();
    assert.ok(told.includes(thing));
    assert.deepEqual(await states(thing), [`${ROBOT_SILENT} committed`]);
  });
});
