import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { BUILD_FLOOR_MS } from '../../src/clock/index.ts';
import { Lifetime } from '../../src/state/index.ts';

const DAY_MS = 24 * 3_600_000;

describe('the lifetime file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-clock-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('counts each start, also a start that saves nothing else', () => {
    assert.deepEqual(
      [1, 2, 3],
      [0, 1, 2].map(() => Lifetime.begin(folder).boot),
    );
  });

  it('adds up the running time', () => {
    Lifetime.begin(folder).save(5_000);
    const second = Lifetime.begin(folder);
    assert.equal(second.ranBeforeMs, 5_000);
    second.save(2_000);
    assert.equal(Lifetime.begin(folder).ranBeforeMs, 7_000);
  });

  it('never assigns a boot number twice, even if the file is garbage', () => {
    const numbers = new Set<number>();
    for (const garbage of ['', '{', '{"boot":-1}', 'null', '\u0000\u0000']) {
      numbers.add(Lifetime.begin(folder).boot);
      writeFileSync(join(folder, 'lifetime.json'), garbage);
      // Waits for the next millisecond: in practice no two starts share one.
      for (const now = Date.now(); Date.now() === now; );
    }
    const after = Lifetime.begin(folder).boot;
    assert.ok(after > 1_000_000 && !numbers.has(after));
  });

  it('stores the known time, also if it is earlier than the one before', () => {
    const first = Lifetime.begin(folder);
    first.save(1_000);
    assert.equal(Lifetime.begin(folder).lastWallMs, 0);
    const second = Lifetime.begin(folder);
    second.setKnownTime(BUILD_FLOOR_MS + 20 * DAY_MS);
    second.save(1_000);
    const third = Lifetime.begin(folder);
    assert.equal(third.lastWallMs, BUILD_FLOOR_MS + 20 * DAY_MS);
    third.setKnownTime(BUILD_FLOOR_MS + DAY_MS);
    third.save(1_000);
    assert.equal(Lifetime.begin(folder).lastWallMs, BUILD_FLOOR_MS + DAY_MS);
  });

  it('remembers that a receipt arrived', () => {
    Lifetime.begin(folder).sawReceipt(10);
    assert.equal(Lifetime.begin(folder).receiptsSeen, true);
  });

  it('remembers the topics of batteries that count to 100, also of a file without that list', () => {
    writeFileSync(join(folder, 'lifetime.json'), JSON.stringify({ boot: 3, ran_ms: 0, wall_ms: 0, receipts_seen: false }));
    const first = Lifetime.begin(folder);
    assert.deepEqual([first.boot, [...first.percentTopics]], [4, []]);
    first.percentTopics.add('/battery_state');
    first.save(1_000);
    assert.deepEqual([...Lifetime.begin(folder).percentTopics], ['/battery_state']);
  });

  it('remembers the channels without a heard publisher', () => {
    const first = Lifetime.begin(folder);
    first.unheardChannels.add('fall');
    first.save(1_000);
    assert.deepEqual([...Lifetime.begin(folder).unheardChannels], ['fall']);
  });
});
