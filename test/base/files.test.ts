import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { renameDurably, replaceFile } from '../../src/base/index.ts';

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

  it('gives a finished file its name', () => {
    writeFileSync(join(folder, 'a.part'), 'whole');
    renameDurably(join(folder, 'a.part'), join(folder, 'a'));
    assert.deepEqual(readdirSync(folder), ['a']);
  });
});
