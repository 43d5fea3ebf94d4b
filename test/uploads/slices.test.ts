// Kills a process that cuts a growing log into slices. Every line must be spooled once and in order.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { CRASH_AT, SLICE_CRASH_POINTS } from '../../src/base/index.ts';

const LIFE = fileURLToPath(new URL('sliceLife.ts', import.meta.url));

interface Manifest {
  readonly manifest: number;
  readonly kind: string;
  readonly why: string;
  readonly taken_at: number;
  readonly slices: readonly { readonly sha256: string; readonly size: number; readonly lines: number }[];
}

describe('a shipped log', { timeout: 300_000 }, () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-slices-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function live(lines: number, at = '', maxBytes = 64 * 1024 ** 2): boolean {
    const { signal, status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', LIFE, folder, String(lines), String(maxBytes)], {
      env: { ...process.env, [CRASH_AT]: at },
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.ok(signal === 'SIGKILL' || status === 0, stderr);
    return signal === 'SIGKILL';
  }

  /** @returns the numbers of the spooled lines in order, the manifests and the files. */
  function spooled() {
    const db = new Database(join(folder, 'outbox.db'), { readonly: true });
    const rows = db.prepare('select file, taken_at from uploads order by taken_at').all() as { file: string; taken_at: number }[];
    db.close();
    assert.deepEqual(readdirSync(join(folder, 'uploads')).sort(), rows.map(({ file }) => file).sort(), 'each file has a row');
    const read = ({ file }: { file: string }) => readFileSync(join(folder, 'uploads', file));
    const manifests = rows.filter(({ file }) => file.endsWith('.json')).map((row) => JSON.parse(read(row).toString()) as Manifest);
    const numbers = rows
      .filter(({ file }) => file.endsWith('.gz'))
      .map((row) =>
        [
          ...gunzipSync(read(row))
            .toString()
            .matchAll(/"n":(\d+)/g),
        ].map(([, n]) => Number(n)),
      )
      .sort((a, b) => Number(a[0]) - Number(b[0]));
    return { numbers: numbers.flat(), slices: numbers.length, manifests, files: rows.map(({ file }) => file) };
  }

  const upTo = (lines: number) => Array.from({ length: lines }, (_, n) => n);

  it('is one object if it is short, and the next object has only the new lines', () => {
    live(10);
    live(5);
    const { numbers, slices, manifests } = spooled();
    assert.deepEqual(numbers, upTo(15));
    assert.equal(slices, 2);
    assert.deepEqual(manifests, []);
  });

  it('has a manifest if it has several slices', () => {
    live(3_000);
    const { numbers, slices, manifests, files } = spooled();
    assert.deepEqual(numbers, upTo(3_000));
    const [manifest] = manifests;
    assert.equal(manifests.length, 1);
    assert.deepEqual([manifest?.manifest, manifest?.kind, manifest?.why, manifest?.slices.length], [1, 'log', 'test', slices]);
    for (const { sha256, size } of manifest?.slices ?? []) {
      const file = files.find((name) => name.includes(sha256));
      assert.equal(readFileSync(join(folder, 'uploads', String(file))).length, size);
      assert.match(String(file), new RegExp(`^log\\.${manifest?.taken_at}\\.`));
    }
  });

  for (const point of [...SLICE_CRASH_POINTS, 'spool_written', 'spool_renamed', 'spool_recorded'] as const) {
    it(`has every line once after a kill at ${point}`, () => {
      // The first process is killed at its first slice, the second at its third slice. The last one ends normally.
      assert.ok(live(1_500, point));
      assert.ok(live(1_500, `${point}:3`));
      live(1);
      const { numbers, manifests, slices } = spooled();
      assert.deepEqual(numbers, upTo(3_001));
      const named = manifests.reduce((sum, manifest) => sum + manifest.slices.length, 0);
      assert.ok(named <= slices && named >= slices - 1, `${named} of ${slices} slices are in a manifest`);
    });
  }

  it('waits while the spool has no space, and loses no lines', () => {
    live(1_500, '', 2_000);
    assert.deepEqual(spooled().numbers, []);
    live(10);
    assert.deepEqual(spooled().numbers, upTo(1_510));
  });
});
