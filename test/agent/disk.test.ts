import assert from 'node:assert/strict';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isShort, watchDisk } from '../../src/agent/health/watches.ts';
import { Problems } from '../../src/status/index.ts';
import { needsRoot } from '../faults/campaign.ts';
import { Volume } from '../faults/volume.ts';

const MIB = 1024 ** 2;

describe('the disk watch', () => {
  it('reports too little space below 16 MiB, until 24 MiB are free', () => {
    const free = [17, 15, 17, 23, 25, 17];
    let short = false;
    assert.deepEqual(
      free.map((mib) => {
        short = isShort({ free_bytes: mib * MIB, free_files: null }, short);
        return short;
      }),
      [false, true, true, true, false, false],
    );
  });

  it('reports too little space below 1,024 inodes, even with enough bytes; unknown values count as enough', () => {
    const short = (files: number | null, was = false) => isShort({ free_bytes: 100 * MIB, free_files: files }, was);
    assert.deepEqual([short(1_023), short(1_024), short(1_024, true), short(1_536, true), short(null)], [true, false, true, false, false]);
    assert.equal(isShort({ free_bytes: null, free_files: null }, true), false);
  });

  it('reports the free bytes and inodes', { skip: needsRoot() }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-disk-'));
    const volume = await Volume.tmpfs(folder, 8 * MIB);
    t.after(async () => {
      await volume.unmount();
      rmdirSync(folder);
    });
    const raised = await new Promise<string>((resolve) => {
      const problems = new Problems(
        () => 0,
        (...change) => resolve(JSON.stringify(change)),
      );
      const watch = watchDisk(folder, problems);
      t.after(() => watch.stop());
    });
    assert.match(raised, /disk_low/);
    assert.match(raised, /8\.0 MiB free, and inodes for \d+ more files, at /);
  });
});
