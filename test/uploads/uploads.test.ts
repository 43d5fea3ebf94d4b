// Uploads on their way: through everything that a link, a store and a cloud do wrong, each is there once and told once.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, afterEach, before, describe, it } from 'node:test';
import { systemClock } from '../../src/clock/index.ts';
import { DAILY_BYTES } from '../support/uploadCloud.ts';
import { picture, sha256Of, THING, UploadRig } from './rig.ts';

const AHEAD_MS = 3_150_000;

describe('uploads', { timeout: 120_000 }, () => {
  let rig: UploadRig;

  before(async () => {
    rig = await UploadRig.open();
  });
  after(() => rig?.close());
  afterEach(() => rig.renew());

  it('puts a picture into the store, has the cloud look, and says so once', async () => {
    const robot = rig.begin();
    const one = picture();
    assert.equal(await robot.uploads.add(one), true);
    robot.go();
    await rig.until(() => robot.uploads.waiting === 0);
    await rig.isInBucket(one);
    assert.equal(rig.told[0]?.incident, 'incident-0001');
    assert.deepEqual(rig.spooled, []);
    assert.deepEqual(robot.problems, []);
  });

  it('keeps to its kilobits a second', async () => {
    const robot = rig.begin({ maxKbps: 400 });
    const one = picture({ bytes: randomBytes(100_000) });
    await robot.uploads.add(one);
    const startedMs = performance.now();
    robot.go();
    await rig.until(() => robot.uploads.waiting === 0);
    const seconds = (performance.now() - startedMs) / 1_000;
    assert.ok(seconds >= 1.8, `100 kB at 50 kB/s took ${seconds} s`);
    await rig.isInBucket(one);
  });

  it('holds no other picture up for one that the store never takes', async () => {
    const robot = rig.begin();
    const [stubborn, one] = [picture(), picture({ takenAtMs: Date.now() - 1_000 })];
    rig.cloud.proxy.plan(sha256Of(stubborn.bytes), ...Array.from({ length: 200 }, () => ({ status: 400 })));
    await robot.uploads.add(stubborn);
    await robot.uploads.add(one);
    robot.go();
    await rig.until(() => robot.uploads.waiting === 1);
    await rig.isInBucket(one);
  });

  it('leaves the cloud alone for as long as it asks, for an incident too', async () => {
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

  it('sends an incident’s picture while the day’s share is used up for logs, which wait', async () => {
    const used = 'quota-used-up';
    await rig.cloud.db.query(
      `insert into uploads (id, thing, kind, sha256, size, content_type, object_key, taken_at, announced_at, signed_at, check_at)
      values ($1, $2, 'backup', $1, $3, 'application/gzip', $1, 0, $4, $4, null)`,
      [used, THING, (DAILY_BYTES * 3) / 4, Date.now()],
    );
    try {
      const robot = rig.begin();
      const log = picture({ kind: 'log', contentType: 'application/gzip', incident: null });
      await robot.uploads.add(log);
      robot.go();
      await rig.until(() => robot.problems.length > 0);
      const [first, second] = [picture(), picture({ kind: 'clip', contentType: 'image/webp' })];
      for (const one of [first, second]) await robot.uploads.add(one);
      await rig.until(() => robot.uploads.waiting === 1);
      for (const one of [first, second]) await rig.isInBucket(one);
      assert.deepEqual([robot.uploads.waitingOf('log'), robot.problems.length], [1, 1]);
      assert.match(robot.problems[0] ?? '', /raised uploads_failing: the cloud answered 429: .*the rest is for pictures of incidents/);
    } finally {
      await rig.cloud.db.query('delete from uploads where id = $1', [used]);
    }
  });

  for (const [name, troubles] of [
    ['a reset at half', ['reset']],
    ['an answer that is lost on the way', ['lost']],
    ['500 and 503', [{ status: 500 }, { status: 503 }]],
    ['a URL that has expired', [{ status: 403, code: 'AccessDenied' }]],
    ['a signature that is refused for long', Array.from({ length: 7 }, () => ({ status: 403, code: 'SignatureDoesNotMatch' }))],
    ['412 though nothing is there', [{ status: 412 }]],
  ] as const) {
    it(`gets through ${name}, and is there once`, async () => {
      rig.cloud.proxy.next(...troubles);
      const robot = rig.begin();
      const one = picture();
      await robot.uploads.add(one);
      robot.go();
      await rig.until(() => robot.uploads.waiting === 0);
      await rig.isInBucket(one);
      assert.equal(rig.cloud.proxy.answered.filter((status) => status === 200).length >= 1, true);
    });
  }

  it('waits while the API is away, says so once, and says when it is over', async () => {
    rig.cloud.outage = { status: 503, body: { detail: 'maintenance' } };
    const robot = rig.begin();
    const [one, other] = [picture(), picture()];
    await robot.uploads.add(one);
    await robot.uploads.add(other);
    const before = rig.cloud.asked;
    robot.go();
    await rig.until(() => rig.cloud.asked > before + 3);
    rig.cloud.outage = null;
    await rig.until(() => robot.uploads.waiting === 0);
    await rig.isInBucket(one);
    await rig.isInBucket(other);
    assert.match(
      robot.problems.join('\n'),
      /^raised uploads_failing: the cloud answered 503: maintenance; 2 wait\ncleared uploads_failing[^\n]*$/,
    );
  });

  it('goes on with what became due while it looked', async () => {
    let asked = 0;
    const { wall, mono, trusted } = systemClock(0);
    const robot = rig.begin({ clock: { wall, mono: () => mono() + 3 * asked++, trusted } });
    rig.cloud.proxy.next(...Array.from({ length: 6 }, () => ({ status: 500 })));
    const one = picture();
    await robot.uploads.add(one);
    robot.go();
    await rig.until(() => robot.uploads.waiting === 0);
    await rig.isInBucket(one);
  });

  it('goes by the cloud’s clock where its own is an hour off, and names it', async () => {
    rig.cloud.aheadMs = AHEAD_MS;
    const robot = rig.begin();
    const one = picture();
    await robot.uploads.add(one);
    robot.go();
    await rig.until(() => robot.uploads.waiting === 0);
    await rig.isInBucket(one);
    assert.match(robot.problems.join('\n'), /raised clock_differs: this robot’s clock is \d{4} s behind the cloud’s/);
  });

  it('gives up what the cloud will never take', async () => {
    const robot = rig.begin();
    await robot.uploads.add(picture({ kind: 'log', contentType: 'image/jpeg' }));
    robot.go();
    await rig.until(() => robot.uploads.waiting === 0);
    assert.match(robot.problems.join('\n'), /raised upload_refused: .*the cloud answered 422/);
    assert.deepEqual(rig.spooled, []);
  });

  it('takes the link from a log for an incident’s picture, and sends the log afterwards', async () => {
    const robot = rig.begin({ maxKbps: 800 });
    const log = picture({ kind: 'log', contentType: 'application/gzip', bytes: randomBytes(150_000), incident: null });
    await robot.uploads.add(log);
    const before = rig.cloud.asked;
    robot.go();
    await rig.until(() => rig.cloud.asked > before);
    const one = picture({ bytes: randomBytes(2_000) });
    await robot.uploads.add(one);
    await rig.until(() => robot.uploads.waiting === 0);
    assert.deepEqual(
      rig.told.map(({ size }) => size),
      [2_000, 150_000],
    );
  });
});
