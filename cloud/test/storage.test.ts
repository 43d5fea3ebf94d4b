// A robot that cannot write to its disk says so in its presence. The cloud makes one alert of each such outage.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listAlerts } from '../src/alerts/index.ts';
import { onEachDatabase } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { newThing, presence, telemetry } from './support/robot.ts';

const PRESENCE = 'elderly_bot/presence';

onEachDatabase('storage', (db, another) => {
  const states = async (thing: string): Promise<string[]> =>
    (await listAlerts(db(), { thing, limit: 10 })).map(({ channel, state }) => `${channel} ${state}`);

  test('a disk that fails is one alert until it works again, whatever restarts and repetitions come between', async () => {
    const thing = newThing();
    const [first, second] = [new Instance(db()), new Instance(another())];
    const says = (cloud: Instance, boot: number, ms: number, more: Parameters<typeof presence>[2]) =>
      cloud.send(PRESENCE, presence({ thing, mark: [boot, ms] }, [], { session: `s${boot}`, ...more }));
    await says(first, 1, 10, {});
    assert.deepEqual(await states(thing), []);
    await Promise.all([first, second].map((cloud) => says(cloud, 2, 10, { storage: 'failed' })));
    await says(first, 2, 20, { storage: 'failed' });
    await says(second, 2, 10, { online: false });
    await says(first, 3, 10, { storage: 'failed' });
    assert.deepEqual(await states(thing), ['robot_storage committed']);
    await says(first, 3, 20, { online: false, reason: 'stopped' });
    assert.deepEqual(await states(thing), ['robot_storage committed'], 'a goodbye says nothing about the disk');
    await says(second, 4, 10, {});
    assert.deepEqual(await states(thing), ['robot_storage resolved']);
    await says(first, 3, 15, { storage: 'failed' });
    assert.deepEqual(await states(thing), ['robot_storage resolved'], 'a late presence of an earlier session changes nothing');
    await says(first, 5, 10, { storage: 'failed' });
    assert.deepEqual(await states(thing), ['robot_storage committed', 'robot_storage resolved']);
    await Promise.all([first.stop(), second.stop()]);
    const [alert] = await listAlerts(db(), { thing, limit: 1 });
    assert.match(JSON.stringify(alert?.value), /its disk cannot be written/);
  });

  test('an alert that the robot could not write to its disk is stored and shown as such', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const raise = (seq: number, incident: string, more: object) => [seq, 1, 'fall', true, { alert: 'raised', incident, ...more }];
    await cloud.send('elderly_bot/telemetry', telemetry({ thing }, [raise(1, 'kept', {}), raise(2, 'lost', { volatile: true })]));
    await cloud.stop();
    const alerts = await listAlerts(db(), { thing, limit: 10 });
    assert.deepEqual(alerts.map(({ incident, volatile }) => [incident, volatile]).sort(), [
      ['kept', false],
      ['lost', true],
    ]);
    const rows = await db().query('select seq, volatile from readings where thing = $1 order by seq', [thing]);
    assert.deepEqual(rows, [
      { seq: 1, volatile: null },
      { seq: 2, volatile: true },
    ]);
  });
});
