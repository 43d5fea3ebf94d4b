// Errors of the database: only those that name the data make poison.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test/support/until.ts';
import { refusesData } from '../src/database/index.ts';
import { onEachDatabase } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { poisonOf, seqsOf } from './support/ledger.ts';
import { newThing, telemetry } from './support/robot.ts';

const TELEMETRY = 'elderly_bot/telemetry';
const FALL = [1, 1_763_929_000_001, 'fall', true, { alert: 'raised', incident: 'i-1' }];

test('only errors that name the data refuse it', () => {
  const refused = (code: string, constraint?: string) => refusesData(Object.assign(new Error(code), { code, constraint }));
  for (const code of ['22P02', '22003', '22001', '22021', '22P05', '22P04', '23502', '54001']) assert.ok(refused(code), code);
  for (const code of ['2200H', '53100', '53200', '53300', '53400', '54000', '54011', '23505', '23503', '25006', '40P01', '42P01', '57014'])
    assert.ok(!refused(code), code);
  assert.ok(refused('23514', 'a_check') && !refused('23514'), 'a partition that was just attached is no fault of the data');
  assert.ok(!refusesData(null));
});

onEachDatabase('errors of the database', (db) => {
  test('an exhausted sequence delays an alert, but makes no poison', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await db().script(`create sequence planted maxvalue 2; select setval('planted', 2);
      create function planted() returns trigger language plpgsql as $$ begin perform nextval('planted'); return new; end $$;
      create trigger planted before insert on readings for each row execute function planted()`);
    let isAcknowledged = false;
    const sent = cloud.send(TELEMETRY, telemetry({ thing }, [FALL])).then(() => {
      isAcknowledged = true;
    });
    await eventually(
      () => cloud.codes,
      ({ length }) => length > 1,
    );
    assert.equal(isAcknowledged, false);
    await db().script('drop trigger planted on readings; drop function planted; drop sequence planted');
    await sent;
    await cloud.stop();
    assert.deepEqual([...new Set(cloud.codes)], ['2200H']);
    assert.deepEqual(await poisonOf(db(), thing), []);
    assert.deepEqual(await seqsOf(db(), 'readings', thing), [1]);
    assert.deepEqual(await db().query('select incident from alerts where thing = $1', [thing]), [{ incident: 'i-1' }]);
  });
});
