// Small files that are something else.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readSmallFile, readSmallFileLater } from '../../src/base/index.ts';

describe('a small file', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-small-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const read of [async (path: string) => readSmallFile(path), readSmallFileLater]) {
    it(`is read with its mode (${read.name || 'at once'})`, async () => {
      const file = join(folder, 'file');
      writeFileSync(file, 'text', { mode: 0o600 });
      assert.deepEqual(await read(file), { text: 'text', mode: 0o600 });
    });

    it(`is refused if it is a pipe, a device, a folder or large (${read.name || 'at once'})`, async () => {
      const [pipe, large] = [join(folder, `pipe ${read.name}`), join(folder, 'large')];
      execFileSync('mkfifo', [pipe]);
      execFileSync('truncate', ['--size=1025K', large]);
      for (const path of [pipe, '/dev/zero']) await assert.rejects(read(path), /it is not a regular file/);
      await assert.rejects(read(folder), /it is a folder, not a file/);
      await assert.rejects(read(large), /it has 1049600 bytes, more than the 1 MiB/);
      await assert.rejects(read(join(folder, 'missing')), { code: 'ENOENT' });
    });
  }
});
