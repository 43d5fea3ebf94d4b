import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { Devices } from '../src/auth/devices.ts';
import { AttemptLimits } from '../src/auth/limits.ts';
import { Maintenance } from '../src/maintenance/maintenance.ts';
import { DEFAULT_RETENTION } from '../src/settings/values.ts';
import { ORIGIN, SECRET_KEY } from './support/api.ts';
import { onEachDatabase } from './support/databases.ts';

onEachDatabase('maintenance', (db) => {
  test('maintenance deletes expired attempts and expired tokens, and keeps the others', async () => {
    await db().query(`insert into attempts (name, count, resets_at)
      values ('old', 9, now() - interval '2 hours'), ('counts', 9, now() + interval '1 minute')`);
    await db().query(`insert into device_tokens (thing, jti, forget_at)
      values ('r', 'old', now() - interval '1 hour'), ('r', 'good', now() + interval '1 minute')`);
    const devices = new Devices({ db: db(), audience: () => ORIGIN, ca: null });
    const maintenance = new Maintenance({
      db: db(),
      log: pino({ level: 'silent' }),
      retention: DEFAULT_RETENTION,
      silentAfterMs: 0,
      uploads: null,
      expiring: [new AttemptLimits(db(), SECRET_KEY), devices],
      listening: () => true,
    });
    await maintenance.start();
    await maintenance.stop();
    assert.deepEqual(await db().query('select name from attempts union select jti from device_tokens order by 1'), [
      { name: 'counts' },
      { name: 'good' },
    ]);
  });
});
