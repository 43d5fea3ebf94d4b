import assert from 'node:assert/strict';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isShort, watchDisk } from '../../src/agent/diskWatch.ts';
import { Problems } from '../../src/status/index.ts';
import { needsRoot } from '../faults/campaign.ts';
import { Volume } from '../faults/volume.ts';

const MIB = 1024 ** 2;

describe('the disk', () => {
  it('is short below 16 MiB, and until there are 24', () => {
    const free = [17, 15, 17, 23, 25, 17];
    let short = false;
    assert.deepEqual(
      free.map((mib) => {
        short = isShort(mib * MIB, short);
        return short;
      }),
      [false, true, true, true, false, false],
    );
  });

  it('is named by what is free on it', { skip: needsRoot() }, async (t) => {
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
    assert.match(raised, /8\.0 MiB free at /);
  });
});
