import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { replaceFile, wait } from '../../src/base/index.ts';
import { BUILD_FLOOR_MS, isTrusted } from '../../src/clock/index.ts';
import { Lifetime } from '../../src/state/index.ts';

const DAY_MS = 86_400_000;

describe('the wall clock', () => {
  it('is not believed in 1970, nor before the build', () => {
    assert.equal(isTrusted(0, 0, undefined), false);
    assert.equal(isTrusted(BUILD_FLOOR_MS - 1, 0, true), false);
    assert.equal(isTrusted(BUILD_FLOOR_MS, 0, undefined), true);
  });

  it('is not believed before a time that somebody vouched for, unless the time service says so', () => {
    const known = BUILD_FLOOR_MS + 10 * DAY_MS;
    assert.equal(isTrusted(known - DAY_MS, known, undefined), false);
    assert.equal(isTrusted(known - DAY_MS, known, true), true);
    assert.equal(isTrusted(known + DAY_MS, known, false), false);
  });
});

describe('the lifetime file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-clock-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('counts each start, also one that wrote nothing more', () => {
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

  it('never gives a boot number twice, even where the file is garbage', () => {
    const numbers = new Set<number>();
    for (const garbage of ['', '{', '{"boot":-1}', 'null', '\u0000\u0000']) {
      numbers.add(Lifetime.begin(folder).boot);
      writeFileSync(join(folder, 'lifetime.json'), garbage);
      // No two starts share a millisecond.
      for (const now = Date.now(); Date.now() === now; );
    }
    const after = Lifetime.begin(folder).boot;
    assert.ok(after > 1_000_000 && !numbers.has(after));
  });

  it('takes a time as known only where somebody vouched for it', () => {
    const first = Lifetime.begin(folder);
    first.save(1_000);
    assert.equal(Lifetime.begin(folder).lastWallMs, 0);
    const second = Lifetime.begin(folder);
    second.vouch(BUILD_FLOOR_MS + DAY_MS);
    second.save(1_000);
    assert.equal(Lifetime.begin(folder).lastWallMs, BUILD_FLOOR_MS + DAY_MS);
  });

  it('remembers that a receipt came', () => {
    Lifetime.begin(folder).sawReceipt(10);
    assert.equal(Lifetime.begin(folder).receiptsSeen, true);
  });

  it('is for this user alone, and replaced whole', () => {
    const file = join(folder, 'x', 'y.json');
    replaceFile(file, 'one');
    replaceFile(file, 'two');
    assert.equal(readFileSync(file, 'utf8'), 'two');
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });
});

describe('waiting', () => {
  it('ends at once when it is no longer wanted', async () => {
    const stop = new AbortController();
    const started = performance.now();
    setTimeout(() => stop.abort(), 10);
    await wait(60_000, stop.signal);
    assert.ok(performance.now() - started < 10_000);
    await wait(60_000, stop.signal);
  });
});
