// Chooses the state directory or its stand-in by evidence, on real file systems.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { AgentError } from '../../src/errors.ts';
import { findStandIn, Lifetime, openStorage } from '../../src/state/index.ts';
import { compareMarks } from '../../src/wire/index.ts';
import { needsRoot } from '../faults/campaign.ts';
import { Volume } from '../faults/volume.ts';

const MIB = 1024 ** 2;

describe('the storage', { skip: needsRoot() }, () => {
  let folder: string;
  let home: string;
  let memory: Volume;
  const earlier = process.env.RUNTIME_DIRECTORY;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-storage-'));
    memory = await Volume.tmpfs(join(folder, 'runtime'), 16 * MIB);
    process.env.RUNTIME_DIRECTORY = join(folder, 'runtime');
  });
  beforeEach(() => {
    home = join(mkdtempSync(join(folder, 'home-')), 'state');
  });
  afterEach(() => {
    const standIn = findStandIn(home);
    if (standIn !== undefined) rmSync(standIn, { recursive: true });
  });
  after(async () => {
    if (earlier === undefined) delete process.env.RUNTIME_DIRECTORY;
    else process.env.RUNTIME_DIRECTORY = earlier;
    await memory.unmount();
    rmSync(folder, { recursive: true });
  });

  it('is the state directory if that can be written, and makes no stand-in', () => {
    const storage = openStorage(home);
    assert.deepEqual([storage.folder, storage.failure, storage.other], [home, undefined, undefined]);
    storage.release();
    assert.equal(findStandIn(home), undefined);
  });

  it('is the stand-in on a read-only disk, whether the directory exists or not', async () => {
    const disk = await Volume.ext4(home, 16 * MIB);
    try {
      const inside = join(home, 'missing');
      await disk.makeReadOnly();
      for (const place of [home, inside]) {
        const storage = openStorage(place);
        assert.match(storage.failure ?? '', /EROFS|read-only/);
        assert.equal(storage.folder, findStandIn(place));
        assert.deepEqual(storage.other, { folder: place, ends: false });
        storage.release();
      }
      const left = findStandIn(inside);
      if (left !== undefined) rmSync(left, { recursive: true });
    } finally {
      await disk.unmount();
    }
  });

  it('is an error if only the name of the directory is wrong', () => {
    writeFileSync(join(folder, 'file'), '');
    assert.throws(
      () => openStorage(join(folder, 'file', 'state')),
      (error) => error instanceof AgentError && error.code === 'STATE_DIR_UNWRITABLE',
    );
    assert.equal(findStandIn(join(folder, 'file', 'state')), undefined);
  });

  it('does not trust a folder that others may enter as a stand-in', () => {
    const storage = openStorage(home, 'the disk is gone');
    storage.release();
    rmSync(storage.folder, { recursive: true });
    mkdirSync(storage.folder, { mode: 0o755 });
    assert.equal(findStandIn(home), undefined);
    rmSync(storage.folder, { recursive: true });
  });

  it('gives each start marks that exceed all earlier ones, also after the machine forgot its memory', () => {
    const marks: [number, number][] = [];
    const start = (failure?: string) => {
      const storage = openStorage(home, failure);
      const lifetime = Lifetime.begin(storage.folder, null, storage.other);
      marks.push(lifetime.mark(10), lifetime.mark(90_000));
      lifetime.save(30_000);
      storage.settled();
      storage.release();
      return storage;
    };
    start();
    start('the disk failed');
    const { folder: standIn } = start('the disk failed');
    rmSync(standIn, { recursive: true });
    start();
    start('the disk failed');
    start();
    assert.deepEqual(marks, marks.toSorted(compareMarks));
    assert.equal(new Set(marks.map(String)).size, marks.length);
    assert.ok(!existsSync(standIn));
  });
});
