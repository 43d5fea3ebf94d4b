// What waits for its upload on the robot's disk: bounded, looked at before it is sent, and taken up again after a crash.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { picture, sha256Of, UploadRig } from './rig.ts';

describe('the spool of uploads', { timeout: 120_000 }, () => {
  let rig: UploadRig;

  before(async () => {
    rig = await UploadRig.open();
  });
  after(() => rig?.close());
  afterEach(() => rig.renew());

  it('gives up a file that has changed on disk, and goes on', async () => {
    const robot = rig.begin();
    const [spoilt, one] = [picture(), picture()];
    await robot.uploads.add(spoilt);
    const [file] = rig.spooled;
    writeFileSync(join(rig.folder, String(file)), randomBytes(50_000));
    await robot.uploads.add(one);
    robot.go();
    await rig.until(() => robot.uploads.waiting === 0);
    await rig.isInBucket(one);
    assert.match(robot.problems.join('\n'), /raised upload_refused: .*it has changed on disk/);
  });

  it('a picture that could not be kept is no upload, and holds up no other', async () => {
    const robot = rig.begin();
    robot.go();
    const { folder } = rig;
    renameSync(folder, `${folder}-away`);
    await assert.rejects(robot.uploads.add(picture()), { code: 'ENOENT' });
    renameSync(`${folder}-away`, folder);
    const one = picture();
    assert.equal(await robot.uploads.add(one), true);
    await rig.until(() => robot.uploads.waiting === 0);
    await rig.isInBucket(one);
    assert.equal(rig.told.length, 1);
  });

  it('keeps within its size: logs go first, an incident’s snapshots last', async () => {
    const robot = rig.begin({ maxBytes: 110_000 });
    await robot.uploads.add(picture({ kind: 'log', contentType: 'application/gzip', incident: null }));
    await robot.uploads.add(picture({ incident: null }));
    const kept = picture();
    await robot.uploads.add(kept);
    assert.deepEqual(rig.spooled.map((file) => file.split('.')[0]).sort(), ['snapshot', 'snapshot']);
    await robot.uploads.add(picture());
    assert.ok(rig.spooled.every((file) => file.includes('incident-0001')));
    assert.equal(await robot.uploads.add(picture({ kind: 'log', contentType: 'application/gzip', incident: null })), false);
    assert.match(robot.problems.join('\n'), /uploads_dropped/);
  });

  it('takes up at the start what a crash left: a file without a row is sent, a row without a file and an unfinished file are forgotten', async () => {
    const first = rig.begin();
    const [one, lost] = [picture(), picture()];
    await first.uploads.add(one);
    await first.uploads.add(lost);
    const { folder } = rig;
    const sha256 = sha256Of(lost.bytes);
    const lostFile = rig.spooled.find((file) => file.includes(sha256));
    renameSync(join(folder, String(lostFile)), join(folder, '99.part'));
    const [kept] = rig.spooled.filter((file) => !file.endsWith('.part'));
    rig.bench.db.prepare('delete from uploads where file = ?').run(kept);
    writeFileSync(join(folder, 'not ours'), '');
    const next = rig.begin();
    assert.equal(next.uploads.waiting, 1);
    assert.deepEqual(rig.bench.db.prepare('select file from uploads').pluck().all(), [kept]);
    assert.equal(existsSync(join(folder, '99.part')), false);
    assert.ok(readFileSync(join(folder, String(kept))).equals(one.bytes));
    next.go();
    await rig.until(() => next.uploads.waiting === 0);
    await rig.isInBucket(one);
  });
});
