// Checks whose state directory an agent accepts, and that it closes it to other users.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, lchownSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { lockStateDir, openStorage } from '../../src/state/index.ts';
import { Volume } from '../faults/volume.ts';

const asRoot = process.geteuid?.() === 0 ? false : 'needs root';

describe('a state directory', () => {
  let folder: string;
  let stateDir: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-own-'));
    stateDir = join(folder, 'state');
    mkdirSync(stateDir);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const opened = () => {
    const storage = openStorage(stateDir);
    storage.release();
    return storage.wasOpen;
  };

  it('is closed to other users, and the agent says so once', () => {
    for (const mode of [0o755, 0o770, 0o711]) {
      chmodSync(stateDir, mode);
      assert.match(String(opened()), new RegExp(`had mode 0${mode.toString(8)}, open to other users; it now has 0700$`));
      assert.equal(lstatSync(stateDir).mode & 0o777, 0o700);
      assert.equal(opened(), undefined);
    }
  });

  it('may be a symbolic link of root or of this user', () => {
    chmodSync(stateDir, 0o755);
    const link = join(folder, 'link');
    symlinkSync('state', link);
    const storage = openStorage(link);
    storage.release();
    assert.match(String(storage.wasOpen), /link had mode 0755/);
    assert.equal(lstatSync(stateDir).mode & 0o777, 0o700);
  });

  it('is refused as a symbolic link of another user, with the folder to which it leads', { skip: asRoot }, () => {
    symlinkSync('state', join(folder, 'link'));
    lchownSync(join(folder, 'link'), 4242, 4242);
    const refusal = {
      code: 'STATE_DIR_FOREIGN',
      message: /link is a symbolic link of user 4242/,
      remedy: `set state_dir to the folder itself: ${stateDir}`,
    };
    for (const path of [join(folder, 'link'), `${join(folder, 'link')}/`]) assert.throws(() => lockStateDir(path), refusal);
    assert.deepEqual(readdirSync(stateDir), []);
  });

  it('is refused if it belongs to another user', { skip: asRoot }, () => {
    chownSync(stateDir, 4242, 4242);
    assert.throws(() => openStorage(stateDir), {
      code: 'STATE_DIR_FOREIGN',
      message: /belongs to user 4242, and this program runs as user 0/,
    });
    assert.deepEqual(readdirSync(stateDir), []);
  });

  it('stays open on a read-only file system, and the agent goes on in memory', { skip: asRoot }, async () => {
    const volume = await Volume.tmpfs(stateDir, 1024 ** 2);
    try {
      chmodSync(stateDir, 0o755);
      await volume.makeReadOnly();
      const storage = openStorage(stateDir);
      assert.match(String(storage.failure), /EROFS|read-only/);
      storage.release();
      rmSync(storage.folder, { recursive: true });
      assert.equal(lstatSync(stateDir).mode & 0o777, 0o755);
    } finally {
      await volume.unmount();
    }
  });
});
