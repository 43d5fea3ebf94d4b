// Tests that the setup and the launcher report a missing prerequisite in one line with exit code 2, before they change anything.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../../scripts/lab/program.ts';

const TOOLS = ['sh', 'env', 'dirname', 'readlink', 'mkdir', 'id', 'cat'];

/** The parts of a checkout that the setup reads. */
const COPIED = [
  'bin',
  'scripts',
  'src',
  'cloud/src',
  'cloud/package.json',
  'cloud/tsconfig.build.json',
  'package.json',
  'package-lock.json',
  '.npmrc',
  'tsconfig.json',
];

describe('the setup', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-setup-'));
    mkdirSync(join(folder, 'path'));
    for (const tool of TOOLS) {
      const found = spawnSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).stdout.trim();
      symlinkSync(found, join(folder, 'path', tool));
    }
    for (const part of COPIED) {
      cpSync(join(ROOT, part), join(folder, 'checkout', part), { recursive: true });
    }
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  const setup = () => {
    const { status, stderr } = spawnSync(join(folder, 'checkout/bin/setup'), [], {
      encoding: 'utf8',
      env: { PATH: join(folder, 'path'), HOME: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return { status, lines: stderr.trim().split('\n') };
  };
  const node = (text: string) => {
    const file = join(folder, 'path/node');
    rmSync(file, { force: true });
    writeFileSync(file, text);
    chmodSync(file, 0o755);
  };

  it('reports the required version if Node.js is missing', () => {
    const { status, lines } = setup();
    assert.deepEqual([status, lines.length], [2, 1], lines.join('\n'));
    assert.match(lines[0] ?? '', /setup: .*Node\.js.*20\.20\.2/);
  });

  it('reports the found and the required version if Node.js is too old', () => {
    node('#!/bin/sh\necho 18.19.0\n');
    const { status, lines } = setup();
    assert.deepEqual([status, lines.length], [2, 1], lines.join('\n'));
    assert.match(lines[0] ?? '', /setup: .*18\.19\.0.*20\.20\.2/);
  });

  it('reports a missing part with its remedy, and starts no step', () => {
    rmSync(join(folder, 'path/node'));
    symlinkSync(process.execPath, join(folder, 'path/node'));
    const { status, lines } = setup();
    assert.equal(status, 2, lines.join('\n'));
    assert.match(lines.at(-1) ?? '', /^setup: .+; .+/);
    assert.ok(!lines.some((line) => /\.\.\.$/.test(line)), lines.join('\n'));
  });
});

describe('the launcher', () => {
  it('reports in one line how to build the program if there is no build', () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-launcher-'));
    cpSync(join(ROOT, 'bin'), join(folder, 'bin'), { recursive: true });
    const { status, stderr } = spawnSync(join(folder, 'bin/elderly-bot'), ['status'], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    assert.equal(status, 2);
    assert.match(stderr, /^elderly-bot: not built.*bin\/setup.*\n$/);
  });
});
