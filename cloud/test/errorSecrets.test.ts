// Tests that an error of the cloud's command line shows neither the password of its database nor a line of another's making.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cloudCommand } from './support/commandLine.ts';

describe('an error of elderly-bot-cloud', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-cloud-errors-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('has no password of a database URL', async () => {
    const url = 'postgres://cloud:hunter2Xy9/w@[bad:5432/x';
    const { stderr, code } = await cloudCommand(['migrate'], { DATABASE_URL: url }, folder);
    assert.notEqual(code, 0);
    assert.ok(stderr !== '' && !stderr.includes('hunter2'), stderr);
  });

  it('is one line, whatever an argument has', async () => {
    const { stdout, stderr } = await cloudCommand(['policies', 'robot', '--prefix', 'x\x1b[2J\nok\u202e'], {}, folder);
    assert.equal(stdout, '');
    assert.match(stderr, /^--prefix x\\u001b\[2J\\nok\\u202e: .*\n$/);
  });
});
