import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAccounts } from '../src/receipts/coverage.ts';
import { onEachDatabase } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { accountOf } from './support/ledger.ts';
import { event, newThing, readings, telemetry } from './support/robot.ts';

const TELEMETRY = 'elderly_bot/telemetry';
const BACKLOG = 'elderly_bot/backlog';
const EVENTS = 'elderly_bot/events';

onEachDatabase('accounting', (db) => {
  test('an evicted row that arrives later counts as committed', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await cloud.send(TELEMETRY, telemetry({ thing, accepted: 20 }, readings([1, 4], [16, 19])));
    await cloud.send(EVENTS, event({ thing }, 20, { kind: 'evicted', of: 'box-1', ranges: [[5, 10]], reason: 'space' }));
    assert.deepEqual(await accountOf(db(), thing), { outbox: 'box-1', accepted: 20, committed: 9, evicted: 6, outstanding: 5 });
    await cloud.send(BACKLOG, telemetry({ thing, accepted: 20 }, readings([9, 12]), { kind: 'backlog' }));
    await cloud.stop();
    assert.deepEqual(await accountOf(db(), thing), { outbox: 'box-1', accepted: 20, committed: 13, evicted: 4, outstanding: 3 });
  });

  test('a closed outbox has no outstanding rows, even if its last seq is unknown', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await cloud.send(TELEMETRY, telemetry({ thing, accepted: 8 }, readings([1, 6])));
    const closed = { kind: 'outbox_closed', old: 'box-1', last_seq: 12, lost: [[7, 12]], successor: 'box-2' };
    await cloud.send(EVENTS, event({ thing, outbox: 'box-2', mark: [2, 1] }, 1, closed));
    await cloud.send(TELEMETRY, telemetry({ thing, outbox: 'box-3', accepted: 9, mark: [3, 1] }, readings([1, 2])));
    const unknown = { kind: 'outbox_closed', old: 'box-3', last_seq: null, lost: [[3, 7]], successor: 'box-4' };
    await cloud.send(EVENTS, event({ thing, outbox: 'box-4', mark: [4, 1] }, 1, unknown));
    await cloud.stop();
    assert.deepEqual(await readAccounts(db(), thing), [
      { outbox: 'box-4', accepted: 1, committed: 1, evicted: 0, outstanding: 0 },
      { outbox: 'box-3', accepted: 9, committed: 2, evicted: 7, outstanding: 0 },
      { outbox: 'box-2', accepted: 1, committed: 1, evicted: 0, outstanding: 0 },
      { outbox: 'box-1', accepted: 12, committed: 6, evicted: 6, outstanding: 0 },
    ]);
  });

  test('a clock_set event corrects the times of stored rows and of later rows', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const at = (seq: number): number => 1_763_929_000_000 + seq;
    await cloud.send(TELEMETRY, telemetry({ thing, accepted: 9 }, readings([1, 3])));
    await cloud.send(EVENTS, event({ thing }, 9, { kind: 'clock_set', of: 'box-1', boot: 1, ranges: [[2, 5]], offset_ms: 60_000 }));
    await cloud.send(BACKLOG, telemetry({ thing, accepted: 9 }, readings([4, 6]), { kind: 'backlog' }));
    await cloud.send(EVENTS, event({ thing }, 10, { kind: 'clock_set', of: 'box-1', boot: 1, ranges: [[5, 5]], offset_ms: -1_000 }));
    await cloud.send(EVENTS, event({ thing }, 9, { kind: 'clock_set', of: 'box-1', boot: 1, ranges: [[2, 5]], offset_ms: 60_000 }));
    await cloud.stop();
    const rows = await db().query<{ seq: number; at: number; corrected_at: number | null }>(
      'select seq, at, corrected_at from readings where thing = $1 order by seq',
      [thing],
    );
    assert.deepEqual(
      rows.map((row) => [row.seq, row.at - at(row.seq), row.corrected_at === null ? null : row.corrected_at - at(row.seq)]),
      [
        [1, 0, null],
        [2, 0, 60_000],
        [3, 0, 60_000],
        [4, 0, 60_000],
        [5, 0, -1_000],
        [6, 0, null],
      ],
    );
  });
});
