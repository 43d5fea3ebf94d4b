// Checks the spool: its limits, damaged files, and the repair after a crash.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { sha256Of } from '../support/hash.ts';
import { picture, UploadRig } from './rig.ts';

describe('the spool of uploads', { timeout: 300_000 }, () => {
  let rig: UploadRig;

  before(async () => {
    rig = await UploadRig.open();
  });
  after(() => rig?.close());
  afterEach(() => rig.renew());

  it('drops a file that changed on disk, and continues with the next', async () => {
    const robot = rig.begin();
    const [damaged, snapshot] = [picture(), picture()];
    await robot.uploads.add(damaged);
    const [file] = rig.spooled;
    writeFileSync(join(rig.folder, String(file)), randomBytes(50_000));
    await robot.uploads.add(snapshot);
    robot.go();
    await rig.until(() => robot.uploads.waiting === 0);
    await rig.assertStored(snapshot);
    assert.match(robot.problems.join('\n'), /raised upload_refused: .*the file changed on disk/);
  });

  it('rejects a picture that cannot be written, and still accepts the next', async () => {
    const robot = rig.begin();
    robot.go();
    const { folder } = rig;
    renameSync(folder, `${folder}-away`);
    await assert.rejects(robot.uploads.add(picture()), { code: 'ENOENT' });
    renameSync(`${folder}-away`, folder);
    const snapshot = picture();
    assert.equal(await robot.uploads.add(snapshot), true);
    await rig.until(() => robot.uploads.waiting === 0);
    await rig.assertStored(snapshot);
    assert.equal(rig.reported.length, 1);
  });

  it('respects its size, and drops logs first and an incident’s snapshots last', async () => {
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

  it('uploads a file without a row at the start, and deletes an incomplete file and a row without a file', async () => {
    const first = rig.begin();
    const [snapshot, lost] = [picture(), picture()];
    await first.uploads.add(snapshot);
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
    assert.ok(readFileSync(join(folder, String(kept))).equals(snapshot.bytes));
    next.go();
    await rig.until(() => next.uploads.waiting === 0);
    await rig.assertStored(snapshot);
  });
});
