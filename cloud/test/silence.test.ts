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
  /** A robot that sent one message, `agoMs` ago, while an instance was always subscribed. */
  const silentFor = async (agoMs: number): Promise<string> => {
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

  test('a robot that is silent for too long raises one alert, even if several instances check', async () => {
    const [silent, active] = [await silentFor(AFTER_MS + 1_000), await silentFor(AFTER_MS - 60_000)];
    await Promise.all([db(), another(), db(), another()].map((instance) => checkSilence(instance, AFTER_MS)));
    assert.deepEqual(await states(silent), [`${ROBOT_SILENT} committed`]);
    assert.deepEqual(await states(active), []);
  });

  test('the alert is resolved when the robot is heard again, and raised again at the next silence', async () => {
    const thing = await silentFor(HOUR_MS);
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

  test('a robot may be silent for two of its announced intervals, up to two days', async () => {
    const announce = async (thing: string, everyMs: number): Promise<void> => {
      const cloud = new Instance(db());
      await cloud.send('elderly_bot/presence', presence({ thing }, [], { telemetry_every_ms: everyMs }));
      await cloud.stop();
    };
    const heardAgo = (thing: string, ms: number) =>
      db().query(`update robots set last_heard_at = clock_timestamp() - $2 * interval '1 ms' where thing = $1`, [thing, ms]);
    const [stretched, over, quick, absurd] = [await silentFor(0), await silentFor(0), await silentFor(0), await silentFor(0)];
    for (const thing of [stretched, over]) await announce(thing, HOUR_MS);
    await announce(quick, 1_000);
    await announce(absurd, 1_000 * HOUR_MS);
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
    await announce(stretched, 1_000);
    await heardAgo(stretched, 2 * HOUR_MS - 60_000);
    await checkSilence(db(), AFTER_MS);
    assert.deepEqual(await states(stretched), [`${ROBOT_SILENT} committed`]);
  });

  test('an online presence does not prevent the alert, and a last will does not count as a message of the robot', async () => {
    const thing = await silentFor(0);
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

  test('the text of the alert explains the silence: empty battery, lost network, shutdown, or a connected robot that sends nothing', async () => {
    const low = { battery: 7.6, low: true, at: Date.UTC(2026, 10, 25, 14, 3) };
    const full = { ...low, battery: 80, low: false };
    const [gone, stopped] = [{ online: false }, { online: false, reason: 'stopped' }];
    const textAfter = async (...sent: readonly Record<string, unknown>[]): Promise<unknown> => {
      const thing = await silentFor(0);
      const cloud = new Instance(db());
      for (const [i, step] of sent.entries()) {
        const mark: Mark = [1, 1_000 + i];
        const seq = 10 + i;
        if (!('minutes' in step)) await cloud.send('elderly_bot/presence', presence({ thing, mark }, [], step));
        else {
          const reading = [seq, low.at + Number(step.minutes) * 60_000, 'battery', step.battery];
          await cloud.send(TELEMETRY, telemetry({ thing, mark, accepted: seq }, [reading], { state_seq: seq, battery: step.battery }));
        }
      }
      await cloud.stop();
      await db().query(`update robots set last_heard_at = clock_timestamp() - interval '30 min' where thing = $1`, [thing]);
      await checkSilence(db(), AFTER_MS);
      const [alert] = await listAlerts(db(), { thing, limit: 1 });
      assert.ok(alert);
      return (alert.value as { text?: unknown }).text;
    };
    assert.equal(await textAfter({ power: low }, { ...gone, power: low }), 'probably its battery: 8 % at 2026-11-25 14:03 UTC');
    assert.equal(await textAfter({ power: low }), 'probably its battery: 8 % at 2026-11-25 14:03 UTC');
    assert.equal(
      await textAfter({ ...stopped, power: low }),
      'probably its battery: 8 % at 2026-11-25 14:03 UTC, and then it was shut down',
    );
    assert.equal(
      await textAfter({ ...gone, power: full }),
      'its network or its power was cut; its battery was at 80 % at 2026-11-25 14:03 UTC',
    );
    assert.equal(await textAfter({}, gone), 'its network or its power was cut');
    assert.equal(await textAfter(stopped), 'it was shut down, or its program was stopped');
    assert.equal(await textAfter({}), 'it is connected but sends nothing');
    // A new session reports that the battery was charged in the meantime.
    assert.match(
      String(await textAfter({ power: low }, { session: 's2', power: full }, { ...gone, session: 's2', power: full })),
      /^its network/,
    );
    // The last reading of the battery is later than the presence.
    assert.equal(
      await textAfter({ power: low }, { battery: 3, minutes: 7 }, { ...gone, power: low }),
      'probably its battery: 3 % at 2026-11-25 14:10 UTC',
    );
    assert.equal(
      await textAfter({ power: low }, { battery: 9, minutes: -7 }, { ...gone, power: low }),
      'probably its battery: 8 % at 2026-11-25 14:03 UTC',
    );
    assert.equal(
      await textAfter({ battery: 55, minutes: 0 }, { battery: null, minutes: 1 }, gone),
      'its network or its power was cut; its battery was at 55 % at 2026-11-25 14:03 UTC',
    );
    // An invalid time does not suppress the text.
    assert.equal(await textAfter({ power: { ...low, at: 9e15 } }), 'probably its battery: 8 % at an unknown time');
  });

  test('an older last will does not change the power, unless it arrives before its session', async () => {
    const power = { battery: 8, low: true, at: 1 };
    const powerAfter = async (...sent: readonly Record<string, unknown>[]): Promise<unknown> => {
      const thing = newThing();
      const cloud = new Instance(db());
      for (const more of sent) await cloud.send('elderly_bot/presence', { ...presence({ thing }, []), ...more });
      await cloud.stop();
      return (await db().query<{ power: unknown }>('select power from robots where thing = $1', [thing]))[0]?.power;
    };
    const will = { online: false, mark: [1, 1_000] };
    assert.deepEqual(await powerAfter({ mark: [1, 2_000], power }, will), power);
    assert.deepEqual(await powerAfter({ ...will, power }), power);
    assert.deepEqual(await powerAfter({ ...will, power }, { mark: [1, 2_000] }), null);
  });

  test('after a time without any subscribed instance, silence counts from the return; a short restart changes nothing', async () => {
    const thing = await silentFor(HOUR_MS);
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

  test('the robot’s own limit has precedence over the default, and 0 means no limit', async () => {
    const [patient, watched, ignored] = [await silentFor(HOUR_MS), await silentFor(HOUR_MS), await silentFor(HOUR_MS)];
    await setSilence(db(), patient, 2 * HOUR_MS);
    await setSilence(db(), watched, 60_000);
    await setSilence(db(), ignored, 0);
    await checkSilence(db(), 3 * HOUR_MS);
    assert.deepEqual([await states(patient), await states(watched), await states(ignored)], [[], [`${ROBOT_SILENT} committed`], []]);
    assert.equal(await setSilence(db(), 'unknown', 1), false);
  });

  test('a channel with the name of the alert, with any time, neither stops the check nor counts as the cloud’s alert', async () => {
    const [odd, silent] = [await silentFor(HOUR_MS), await silentFor(HOUR_MS)];
    const cloud = new Instance(db());
    for (const [seq, at] of [-9e15, 9e15, 0].entries()) {
      const reading = [seq + 2, at, ROBOT_SILENT, true, { alert: 'raised', incident: `odd-${seq}` }];
      await cloud.send(TELEMETRY, telemetry({ thing: odd }, [reading]));
    }
    await cloud.stop();
    await checkSilence(db(), AFTER_MS);
    assert.deepEqual(await states(silent), [`${ROBOT_SILENT} committed`]);
    assert.deepEqual(await states(odd), Array(3).fill(`${ROBOT_SILENT} committed`), 'only the robot itself ends its alerts');
  });

  test('no robot is called silent while an instance commits nothing, and none whose messages wait', async () => {
    const [waiting, silent] = [await silentFor(HOUR_MS), await silentFor(HOUR_MS)];
    await checkSilence(db(), AFTER_MS, { all: true, things: [] });
    await checkSilence(another(), AFTER_MS);
    assert.deepEqual([await states(waiting), await states(silent)], [[], []], 'another instance is not behind');
    await db().query(`update watch set behind_at = clock_timestamp() - interval '61 s'`);
    await checkSilence(db(), AFTER_MS, { all: false, things: [waiting] });
    assert.deepEqual([await states(waiting), await states(silent)], [[], [`${ROBOT_SILENT} committed`]]);
  });

  test('10,000 silent robots are raised within 60 s, before any search for their battery readings', async () => {
    const name = newThing();
    await db().query(`update watch set checked_at = clock_timestamp(), listening_since = clock_timestamp() - interval '1 day'`);
    await db().query(
      `insert into robots (thing, prefix, last_heard_at)
      select $1 || '-' || i, 'fleet/' || i, clock_timestamp() - interval '1 hour' from generate_series(1, 10000) i`,
      [name],
    );
    const startedMs = performance.now();
    let raised = 0;
    let raisedMs = 0;
    await checkSilence(db(), AFTER_MS, undefined, (changes) => {
      raised += changes.filter((change) => change.raised && change.thing.startsWith(name)).length;
      if (raised === 10_000) raisedMs ||= performance.now() - startedMs;
    });
    assert.equal(raised, 10_000);
    assert.ok(raisedMs < 60_000, `${raisedMs} ms`);
    await db().query('delete from alerts where thing like $1', [`${name}-%`]);
    await db().query('delete from robots where thing like $1', [`${name}-%`]);
  });

  test('the timer checks only while this instance is subscribed, and reports changes', async () => {
    const thing = await silentFor(HOUR_MS);
    let listening = false;
    const maintenance = (): Maintenance => new Maintenance(options);
    const reported: string[] = [];
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
        reported.push(...changes.map((change) => change.thing));
        wake();
      },
      silenceEveryMs: 5,
    };
    const unsubscribed = maintenance();
    await unsubscribed.start();
    await db().query('select pg_sleep(0.1)');
    await unsubscribed.stop();
    assert.deepEqual(await states(thing), []);
    listening = true;
    const subscribed = maintenance();
    const first = new Promise<void>((resolve) => {
      wake = resolve;
    });
    await subscribed.start();
    await first;
    await subscribed.stop();
    assert.ok(reported.includes(thing));
    assert.deepEqual(await states(thing), [`${ROBOT_SILENT} committed`]);
  });
});
