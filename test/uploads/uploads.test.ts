// Runs uploads through all faults of a link, a store and a cloud. Each file must be stored once and reported once.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, afterEach, before, describe, it } from 'node:test';
import { systemClock } from '../../src/clock/index.ts';
import { sha256Of } from '../support/hash.ts';
import { DAILY_BYTES } from '../support/uploadCloud.ts';
import { picture, THING, UploadRig } from './rig.ts';

const AHEAD_MS = 3_150_000;

describe('uploads', { timeout: 300_000 }, () => {
  let rig: UploadRig;

  before(async () => {
    rig = await UploadRig.open();
  });
  after(() => rig?.close());
  afterEach(() => rig.renew());

  it('store a picture, ask the cloud for the confirmation, and report it once', async () => {
    const robot = rig.begin();
    const snapshot = picture();
    assert.equal(await robot.uploads.add(snapshot), true);
    robot.go();
    await rig.until(() => robot.uploads.waiting === 0);
    await rig.assertStored(snapshot);
    assert.equal(rig.reported[0]?.incident, 'incident-0001');
    assert.deepEqual(rig.spooled, []);
    assert.deepEqual(robot.problems, []);
  });

  it('wait while the connection is metered', async () => {
    let isPaused = true;
    let looked = () => {};
    const look = new Promise<void>((resolve) => (looked = resolve));
    const robot = rig.begin({
      isPaused: () => {
        looked();
        return isPaused;
      },
    });
    robot.go();
    await look;
    const first = picture();
    await robot.uploads.add(first);
    assert.equal(robot.uploads.waiting, 1);
    isPaused = false;
    await robot.uploads.add(picture({ bytes: randomBytes(100) }));
    await rig.until(() => robot.uploads.waiting === 0);
    await rig.assertStored(first);
  });

  it('respect the limit of kilobits per second', async () => {
    const robot = rig.begin({ maxKbps: 400 });
    const snapshot = picture({ bytes: randomBytes(100_000) });
    await robot.uploads.add(snapshot);
    const startedMs = performance.now();
    robot.go();
    await rig.until(() => robot.uploads.waiting === 0);
    const seconds = (performance.now() - startedMs) / 1_000;
    assert.ok(seconds >= 1.8, `100 kB at 50 kB/s took ${seconds} s`);
    await rig.assertStored(snapshot);
  });

  it('continue with other pictures if the store always refuses one', async () => {
    const robot = rig.begin();
    const [refused, snapshot] = [picture(), picture({ takenAtMs: Date.now() - 1_000 })];
    rig.cloud.proxy.plan(sha256Of(refused.bytes), ...Array.from({ length: 200 }, () => ({ status: 400 })));
    await robot.uploads.add(refused);
    await robot.uploads.add(snapshot);
    robot.go();
    await rig.until(() => robot.uploads.waiting === 1);
    await rig.assertStored(snapshot);
  });

  it('respect Retry-After of the cloud, even for an incident', async () => {
    rig.cloud.proxy.next({ status: 503, retryAfterS: 1 });
    const robot = rig.begin();
    await robot.uploads.add(picture());
    robot.go();
    await rig.until(() => rig.cloud.proxy.answered.at(-1) === 503);
    const asked = rig.cloud.asked;
    await robot.uploads.add(picture());
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(rig.cloud.asked, asked);
    await rig.until(() => robot.uploads.waiting === 0);
  });

  it('send an incident’s picture while the daily share for logs is used up, and let the logs wait', async () => {
    const used = 'quota-used-up';
    await rig.cloud.db.query(
      `insert into uploads (id, thing, kind, sha256, size, content_type, object_key, taken_at, announced_at, signed_at, check_at, state)
      values ($1, $2, 'backup', $1, $3, 'application/gzip', $1, 0, $4, $4, null, 'stored')`,
      [used, THING, (DAILY_BYTES * 3) / 4, Date.now()],
    );
    try {
      const robot = rig.begin();
      const log = picture({ kind: 'log', contentType: 'application/gzip', incident: null });
      await robot.uploads.add(log);
      robot.go();
      await rig.until(() => robot.problems.length > 0);
      const [first, second] = [picture(), picture({ kind: 'clip', contentType: 'image/webp' })];
      for (const snapshot of [first, second]) await robot.uploads.add(snapshot);
      await rig.until(() => robot.uploads.waiting === 1);
      for (const snapshot of [first, second]) await rig.assertStored(snapshot);
      assert.deepEqual([robot.uploads.waitingOf('log'), robot.problems.length], [1, 1]);
      assert.match(
        robot.problems[0] ?? '',
        /raised uploads_failing: the cloud answered 429: .*the rest is reserved for pictures of incidents/,
      );
    } finally {
      await rig.cloud.db.query('delete from uploads where id = $1', [used]);
    }
  });

  for (const [name, troubles] of [
    ['a reset in the middle', ['reset']],
    ['a lost answer', ['lost']],
    ['status 500 and 503', [{ status: 500 }, { status: 503 }]],
    ['an expired URL', [{ status: 403, code: 'AccessDenied' }]],
    ['a signature that is refused several times', Array.from({ length: 7 }, () => ({ status: 403, code: 'SignatureDoesNotMatch' }))],
    ['status 412 without an object', [{ status: 412 }]],
  ] as const) {
    it(`store a picture once after ${name}`, async () => {
      rig.cloud.proxy.next(...troubles);
      const robot = rig.begin();
      const snapshot = picture();
      await robot.uploads.add(snapshot);
      robot.go();
      await rig.until(() => robot.uploads.waiting === 0);
      await rig.assertStored(snapshot);
      assert.equal(rig.cloud.proxy.answered.filter((status) => status === 200).length >= 1, true);
    });
  }

  it('wait while the API is unavailable, and raise and clear one problem', async () => {
    rig.cloud.outage = { status: 503, body: { detail: 'maintenance' } };
    const robot = rig.begin();
    const [snapshot, second] = [picture(), picture()];
    await robot.uploads.add(snapshot);
    await robot.uploads.add(second);
    const before = rig.cloud.asked;
    robot.go();
    await rig.until(() => rig.cloud.asked > before + 3);
    rig.cloud.outage = null;
    await rig.until(() => robot.uploads.waiting === 0);
    await rig.assertStored(snapshot);
    await rig.assertStored(second);
    assert.match(
      robot.problems.join('\n'),
      /^raised uploads_failing: the cloud answered 503: “maintenance”; files waiting: 2\ncleared uploads_failing[^\n]*$/,
    );
  });

  it('continue with an upload that became due during the check', async () => {
    let calls = 0;
    const { wall, mono, trusted } = systemClock(0);
    const robot = rig.begin({ clock: { wall, mono: () => mono() + 3 * calls++, trusted } });
    rig.cloud.proxy.next(...Array.from({ length: 6 }, () => ({ status: 500 })));
    const snapshot = picture();
    await robot.uploads.add(snapshot);
    robot.go();
    await rig.until(() => robot.uploads.waiting === 0);
    await rig.assertStored(snapshot);
  });

  it('use the cloud’s clock if the robot’s clock is an hour wrong, and raise a problem', async () => {
    rig.cloud.aheadMs = AHEAD_MS;
    const robot = rig.begin();
    const snapshot = picture();
    await robot.uploads.add(snapshot);
    robot.go();
    await rig.until(() => robot.uploads.waiting === 0);
    await rig.assertStored(snapshot);
    assert.match(robot.problems.join('\n'), /raised clock_differs: this robot’s clock is \d{4} s behind the cloud’s/);
  });

  it('drop a file that the cloud will never accept', async () => {
    const robot = rig.begin();
    await robot.uploads.add(picture({ kind: 'log', contentType: 'image/jpeg' }));
    robot.go();
    await rig.until(() => robot.uploads.waiting === 0);
    assert.match(robot.problems.join('\n'), /raised upload_refused: .*the cloud answered 422/);
    assert.deepEqual(rig.spooled, []);
  });

  it('interrupt a log for an incident’s picture, and send the log afterwards', async () => {
    const robot = rig.begin({ maxKbps: 800 });
    const log = picture({ kind: 'log', contentType: 'application/gzip', bytes: randomBytes(150_000), incident: null });
    await robot.uploads.add(log);
    const before = rig.cloud.asked;
    robot.go();
    await rig.until(() => rig.cloud.asked > before);
    const snapshot = picture({ bytes: randomBytes(2_000) });
    await robot.uploads.add(snapshot);
    await rig.until(() => robot.uploads.waiting === 0);
    assert.deepEqual(
      rig.reported.map(({ size }) => size),
      [2_000, 150_000],
    );
  });
});
