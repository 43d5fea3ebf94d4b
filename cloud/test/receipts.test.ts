import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coveredBy } from '../../src/wire/index.ts';
import type { Database, Param } from '../src/database/database.ts';
import { onEachDatabase } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { event, newThing, presence, readings, telemetry } from './support/robot.ts';

const TELEMETRY = 'elderly_bot/telemetry';
const BACKLOG = 'elderly_bot/backlog';
const EVENTS = 'elderly_bot/events';
const PRESENCE = 'elderly_bot/presence';

onEachDatabase('receipts', (db, another) => {
  test('a presence causes a receipt for each of its outboxes at once', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await cloud.send(TELEMETRY, telemetry({ thing, accepted: 9, mark: [3, 500] }, readings([1, 2], [5, 6], [8, 8])));
    await cloud.send(
      PRESENCE,
      presence({ thing, mark: [3, 900] }, [
        ['box-1', 10],
        ['box-0', 4],
      ]),
    );
    const full = await cloud.receipt((receipt) => receipt.outbox === 'box-1' && receipt.mark[1] === 900);
    const never = await cloud.receipt((receipt) => receipt.outbox === 'box-0');
    await cloud.stop();
    const { at, sent_at: sentAt, ...rest } = full;
    assert.ok(sentAt === at && Math.abs(Date.now() - at) < 60_000, `sent at ${sentAt}`);
    assert.deepEqual(rest, {
      thing,
      outbox: 'box-1',
      accepted: 10,
      mark: [3, 900],
      through: 2,
      after: 0,
      to: null,
      also: [
        [5, 6],
        [8, 8],
      ],
    });
    assert.deepEqual([never.accepted, never.through, never.also, never.mark], [4, 0, [], [3, 900]]);
    assert.equal(cloud.receipts[0]?.topic, 'elderly_bot/receipts');
  });

  test('a receipt covers evicted rows, also of an older outbox', async () => {
    const thing = newThing();
    const cloud = new Instance(db(), { receiptIntervalMs: 10 });
    await cloud.send(EVENTS, event({ thing, outbox: 'box-2' }, 1, { kind: 'evicted', of: 'box-1', ranges: [[1, 7]], reason: 'age' }));
    const receipt = await cloud.receipt(({ outbox }) => outbox === 'box-1');
    await cloud.stop();
    assert.deepEqual([receipt.through, receipt.accepted], [7, 7]);
  });

  test('an alert gets its receipt within a second, other rows wait for the interval', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await cloud.send(TELEMETRY, telemetry({ thing, accepted: 1 }, readings([1, 1])));
    await cloud.receipt((receipt) => receipt.thing === thing);
    await cloud.send(TELEMETRY, telemetry({ thing, accepted: 2 }, readings([2, 2])));
    const count = cloud.receipts.length;
    const startedMs = performance.now();
    await cloud.send(TELEMETRY, telemetry({ thing, accepted: 3 }, [[3, 1, 'fall', true, { alert: 'raised' }]], { kind: 'alert' }));
    const receipt = await cloud.receipt((sent) => sent.thing === thing, count);
    assert.ok(performance.now() - startedMs < 1_000);
    assert.equal(cloud.receipts.length, count + 1);
    assert.equal(receipt.through, 3);
    await cloud.stop();
  });

  test('the second delivery of an alert gets a receipt within a second too', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const alert = telemetry({ thing, accepted: 1 }, [[1, 1, 'fall', true, { alert: 'raised' }]], { kind: 'alert' });
    await cloud.send(TELEMETRY, alert);
    await cloud.receipt((sent) => sent.thing === thing);
    const count = cloud.receipts.length;
    const startedMs = performance.now();
    await cloud.send(TELEMETRY, alert);
    const { through } = await cloud.receipt((sent) => sent.thing === thing, count);
    assert.ok(performance.now() - startedMs < 1_000);
    assert.equal(through, 1);
    await cloud.stop();
  });

  test('a coverage with more than 200 ranges is split into pages', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const odd = Array.from({ length: 450 }, (_, i) => readings([2 * i + 1, 2 * i + 1])).flat();
    await cloud.send(BACKLOG, telemetry({ thing, accepted: 900 }, odd, { kind: 'backlog' }));
    const from = cloud.receipts.length;
    await cloud.send(PRESENCE, presence({ thing, mark: [1, 2_000] }, [['box-1', 900]]));
    await cloud.receipt((receipt) => receipt.mark[1] === 2_000 && receipt.to === null, from);
    await cloud.stop();
    const pages = cloud.receipts.map(({ receipt }) => receipt).filter(({ mark }) => mark[1] === 2_000);
    assert.equal(pages.length, 3);
    assert.deepEqual(pages.flatMap(coveredBy).length, 449 + 3);
    assert.deepEqual(
      pages.map(({ after, to }) => [after, to]),
      [
        [0, 401],
        [401, 801],
        [801, null],
      ],
    );
  });

  test('after a restart, a receipt covers the rows that the earlier instance committed', async () => {
    const thing = newThing();
    const first = new Instance(db());
    await first.send(TELEMETRY, telemetry({ thing, accepted: 7, mark: [1, 100] }, readings([1, 7])));
    await first.stop();
    const second = new Instance(another());
    await second.send(PRESENCE, presence({ thing, mark: [1, 200] }, [['box-1', 7]]));
    const receipt = await second.receipt((sent) => sent.thing === thing);
    await second.stop();
    assert.deepEqual([receipt.through, receipt.accepted, receipt.mark], [7, 7, [1, 200]]);
  });

  test('a receipt has the mark of its own instance and the rows of all instances', async () => {
    const thing = newThing();
    const [first, second] = [new Instance(db()), new Instance(another())];
    await first.send(TELEMETRY, telemetry({ thing, accepted: 2, mark: [1, 500] }, readings([2, 2])));
    await second.send(TELEMETRY, telemetry({ thing, accepted: 1, mark: [1, 400] }, [[1, 1, 'gas', true, { alert: 'raised' }]]));
    const receipt = await second.receipt((sent) => sent.thing === thing);
    await Promise.all([first.stop(), second.stop()]);
    assert.deepEqual([receipt.through, receipt.mark], [2, [1, 400]]);
  });

  test('the mark of a receipt is older than its coverage, even if rows are committed in between', async () => {
    const thing = newThing();
    let between = (): Promise<void> => Promise.resolve();
    const watched: Database = {
      ...db(),
      async query<Row>(text: string, params?: readonly Param[]): Promise<Row[]> {
        const rows = await db().query<Row>(text, params);
        await between();
        return rows;
      },
    };
    const cloud = new Instance(watched);
    between = async () => {
      between = () => Promise.resolve();
      await cloud.send(TELEMETRY, telemetry({ thing, accepted: 2, mark: [1, 900] }, readings([2, 2])));
    };
    await cloud.send(TELEMETRY, telemetry({ thing, accepted: 1, mark: [1, 500] }, readings([1, 1])));
    const receipt = await cloud.receipt((sent) => sent.thing === thing);
    await cloud.stop();
    assert.deepEqual([receipt.through, receipt.mark], [1, [1, 500]]);
  });

  test('receipts of many robots keep below the rate of the broker', async () => {
    const things = Array.from({ length: 300 }, newThing);
    const times: number[] = [];
    let refused = 0;
    /** Like AWS IoT Core, but with a limit of 150 publications in any second. */
    const broker = async (): Promise<void> => {
      const nowMs = performance.now();
      times.push(nowMs);
      if (times.filter((ms) => nowMs - ms < 1_000).length <= 150) return;
      refused++;
      throw new Error('the broker discards the publication');
    };
    const cloud = new Instance(db(), { publishesPerSecond: 100, broker });
    await Promise.all(things.map((thing) => cloud.send(PRESENCE, presence({ thing, mark: [1, 100] }, [['box-1', 1]]))));
    for (const thing of things) await cloud.receipt((receipt) => receipt.thing === thing);
    await cloud.stop();
    assert.equal(refused, 0);
    assert.equal(cloud.receipts.length, 300);
  });

  test('an outbox with very many gaps delays the receipts of no other robot', async () => {
    const [faulty, healthy] = [newThing(), newThing()];
    const cloud = new Instance(db(), { publishesPerSecond: 8 });
    const alert = (thing: string) =>
      cloud.send(TELEMETRY, telemetry({ thing, accepted: 1 }, [[1, 1, 'fall', true, { alert: 'raised' }]], { kind: 'alert' }));
    await alert(faulty);
    await cloud.receipt(({ thing }) => thing === faulty);
    await db().query(
      `update outboxes set accepted = 20000, committed = (select range_agg(int8range(2 * n + 1, 2 * n + 2)) from generate_series(0, 9999) n)
      where thing = $1`,
      [faulty],
    );
    await Promise.all([faulty, healthy].map(alert));
    await cloud.receipt(({ thing }) => thing === healthy);
    await alert(healthy);
    const before = cloud.receipts.length;
    await cloud.receipt(({ thing }) => thing === healthy, before);
    await cloud.stop();
    const pages = cloud.receipts.filter(({ receipt }) => receipt.thing === faulty).length;
    assert.ok(pages < 25, `the healthy robot waited for ${pages} of 50 pages`);
  });

  test('an outbox whose coverage takes too long to read is tried again, and delays no other', async () => {
    const [slow, quick] = [newThing(), newThing()];
    let failures = 0;
    const watched: Database = {
      ...db(),
      async query<Row>(text: string, params?: readonly Param[]): Promise<Row[]> {
        const things = params?.[0];
        const isCoverage = text.includes('from outboxes') && text.includes('accepted') && Array.isArray(things);
        if (isCoverage && (things as string[]).includes(slow) && failures < 2) {
          failures++;
          throw Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' });
        }
        return db().query<Row>(text, params);
      },
    };
    const cloud = new Instance(watched, { receiptIntervalMs: 50 });
    await Promise.all([slow, quick].map((thing) => cloud.send(PRESENCE, presence({ thing, mark: [1, 100] }, [['box-1', 1]]))));
    await cloud.receipt(({ thing }) => thing === quick);
    await cloud.receipt(({ thing }) => thing === slow);
    await cloud.stop();
    assert.equal(failures, 2);
    assert.deepEqual(
      cloud.receipts.map(({ receipt }) => receipt.thing),
      [quick, slow],
    );
  });

  test('only the receipts without a PUBACK are published again', async () => {
    const [lost = '', ...others] = Array.from({ length: 5 }, newThing);
    let losses = 1;
    const broker = async ({ thing }: { readonly thing: string }): Promise<void> => {
      if (thing === lost && losses-- > 0) throw new Error('the broker sent no PUBACK');
    };
    // The interval is also the time until the repetition.
    const cloud = new Instance(db(), { receiptIntervalMs: 50, broker });
    await Promise.all([lost, ...others].map((thing) => cloud.send(PRESENCE, presence({ thing, mark: [1, 100] }, [['box-1', 1]]))));
    for (const thing of [...others, lost]) await cloud.receipt((receipt) => receipt.thing === thing);
    await cloud.stop();
    assert.deepEqual(cloud.receipts.map(({ receipt }) => receipt.thing).sort(), [lost, ...others].sort());
  });

  test('a receipt is published later if the broker was offline', async () => {
    const thing = newThing();
    const cloud = new Instance(db(), { receiptIntervalMs: 50 });
    cloud.isConnected = false;
    const offered = cloud.offered();
    await cloud.send(TELEMETRY, telemetry({ thing, accepted: 1 }, readings([1, 1])));
    await offered;
    cloud.isConnected = true;
    assert.equal((await cloud.receipt((receipt) => receipt.thing === thing)).through, 1);
    await cloud.stop();
  });
});
