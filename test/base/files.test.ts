// Tests the durable replacement of files, and the cause of a failed mkdir.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { nearestCause, renameDurably, replaceFile } from '../../src/base/index.ts';

describe('the durable replacement of a file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-files-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('replaces the content and leaves no other file', () => {
    const file = join(folder, 'deep', 'state.json');
    replaceFile(file, 'one');
    replaceFile(file, Buffer.from('two'));
    assert.equal(readFileSync(file, 'utf8'), 'two');
    assert.deepEqual(readdirSync(join(folder, 'deep')), ['state.json']);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it('moves a complete file to its final name', () => {
    writeFileSync(join(folder, 'a.part'), 'whole');
    renameDurably(join(folder, 'a.part'), join(folder, 'a'));
    assert.deepEqual(readdirSync(folder), ['a']);
  });
});

describe('the cause of a failed mkdir', () => {
  const READ_ONLY = '/proc/self';
  const skip = existsSync(READ_ONLY) ? false : 'no /proc';

  // The test does not call mkdir: Node's recursive mkdir never returns below /proc.
  it('is the error of the nearest existing folder, not that the folder is missing', { skip }, () => {
    const missing = Object.assign(new Error('no such file or directory'), { code: 'ENOENT' });
    const cause = nearestCause(missing, `${READ_ONLY}/cmdline/a/b`) as NodeJS.ErrnoException;
    assert.equal(cause.code, 'ENOTDIR');
  });

  it('is the error itself if it is not ENOENT', () => {
    const error = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    assert.equal(nearestCause(error, '/nowhere/at/all'), error);
  });
});
