// Tests a start with very little space: on the disk, in the ballast, or below the size limit of the file.
import assert from 'node:assert/strict';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { DamageWatch, openQueue, type Queue } from '../../src/agent/outbox/queue.ts';
import { systemClock } from '../../src/clock/index.ts';
import { type Config, loadConfig } from '../../src/config/index.ts';
import { type NewRow, retryWithoutBallast } from '../../src/outbox/index.ts';
import { Lifetime, openStorage, type Storage } from '../../src/state/index.ts';
import { needsRoot } from '../faults/campaign.ts';
import { fillUp, Volume } from '../faults/volume.ts';

const KIB = 1024;
const MIB = 1024 ** 2;
const DISK_BYTES = 24 * MIB;
/** The smallest size that the configuration allows. */
const FILE_BYTES = 8 * MIB;
const MAX_FREE_BYTES = 256 * KIB;
const STEP_BYTES = 16 * KIB;

const log = pino({ level: 'silent' });

function configWith(stateDir: string): Config {
  const { config } = loadConfig(undefined, {});
  return { ...config, state_dir: stateDir, outbox: { ...config.outbox, max_size: FILE_BYTES }, uploads: { ...config.uploads, api: null } };
}

interface Opened extends Queue {
  readonly lifetime: Lifetime;
  readonly storage: Storage;
}

/** The steps of the agent's start up to the outbox. */
function opened(stateDir: string): Opened {
  const storage = openStorage(stateDir);
  const lifetime = retryWithoutBallast(stateDir, () => Lifetime.begin(stateDir));
  const queue = openQueue({
    config: configWith(stateDir),
    storage,
    clock: systemClock(lifetime.lastWallMs),
    lifetime,
    metrics: { commit: () => {}, alert: () => {} },
    damage: new DamageWatch(stateDir, log, () => {}),
    log,
    adopted: [],
  });
  return { ...queue, lifetime, storage };
}

const alert = (value: string): NewRow => ({ class: 'alert', channel: 'gas', value });

/** Leaves the files as kill -9 does: without a flush of the outbox. */
const killed = ({ db, storage }: Opened) => {
  db.close();
  storage.release();
};

describe('a start with very little space', { skip: needsRoot() }, () => {
  const onDisk = async (work: (folder: string) => void | Promise<void>) => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-queue-'));
    const volume = await Volume.tmpfs(folder, DISK_BYTES);
    try {
      await work(folder);
    } finally {
      await volume.unmount();
      rmdirSync(folder);
    }
  };

  it('opens its outbox even on a full disk', async () => {
    for (let freeBytes = 0; freeBytes <= MAX_FREE_BYTES; freeBytes += STEP_BYTES) {
      await onDisk((folder) => {
        killed(opened(folder));
        const rest = join(folder, 'rest');
        writeFileSync(rest, Buffer.alloc(freeBytes));
        fillUp(folder);
        rmSync(rest);
        const second = opened(folder);
        assert.equal(second.lifetime.outboxes.at(-1), second.outbox.id, `${freeBytes} bytes`);
        killed(second);
      });
    }
  });

  it('opens its outbox with a file full of alerts, and writes the next alert', async () => {
    await onDisk(async (folder) => {
      const first = opened(folder);
      // The file is full of alerts once the oldest alert has to go.
      while (first.outbox.counts.evictedBy.space === 0) {
        for (let i = 0; i < 50; i++) first.outbox.append(alert('x'.repeat(1_000)));
        first.outbox.flush();
      }
      const claim = first.outbox.claim('alert', { maxRows: 20, maxBytes: MIB });
      assert.ok(claim);
      first.outbox.published(claim);
      killed(first);
      for (let start = 1; start <= 3; start++) {
        const next = opened(folder);
        assert.equal(next.lifetime.outboxes.at(-1), next.outbox.id);
        next.outbox.append(alert('y'));
        await new Promise(setImmediate);
        assert.deepEqual(next.outbox.unwritten, []);
        killed(next);
      }
    });
  });
});
