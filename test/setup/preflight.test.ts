// bin/setup: what it asks for before it changes anything, one at a time, and quick where there is nothing to do.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../support/program.ts';
import { Checkout, find } from './checkout.ts';

const QUICK_MS = 3_000;
const NO_PYTHON = 'setup: no Python 3.10 to 3.14 with venv on the PATH; install one (on Debian: apt-get install python3 python3-venv)';
/** A port where nobody listens. */
const NO_REGISTRY = { npm_config_registry: 'http://127.0.0.1:9/' };

describe('the setup', () => {
  let checkout: Checkout;
  let setup: string;

  before(() => {
    checkout = new Checkout();
    setup = `${checkout.root}/bin/setup`;
  });
  after(() => checkout.remove());

  it('says all that is missing, a line each with what to type, and changes nothing', () => {
    const { code, lines } = checkout.run(setup, [], { PATH: checkout.only(['node', 'npm']), ...NO_REGISTRY });
    assert.equal(code, 2);
    assert.ok(lines.includes(NO_PYTHON), lines.join('\n'));
    assert.ok(lines.includes('setup: no C++ compiler (gcc, g++) or no make on the PATH; install what Debian calls build-essential'));
    assert.match(lines.at(-1) ?? '', /^setup: no network: npm's registry can't be reached; connect this machine, /);
    assert.deepEqual(readdirSync(checkout.root).sort(), [
      '.npmrc',
      '.setup',
      'bin',
      'cloud',
      'package-lock.json',
      'package.json',
      'scripts',
    ]);
    assert.deepEqual(readdirSync(join(checkout.root, '.setup')), ['lock']);
  });

  for (const { what, script } of [
    { what: 'is too old', script: 'echo no' },
    { what: 'is a shim that leads nowhere', script: 'exit 127' },
  ]) {
    it(`takes no Python that ${what}`, () => {
      const PATH = checkout.only(['node', 'npm', 'make', 'gcc', 'g++', 'readelf'], { python3: script, 'python3.12': script });
      const { code, lines } = checkout.run(setup, [], { PATH, ...NO_REGISTRY });
      assert.equal(code, 2);
      assert.deepEqual(lines.slice(0, -1), [NO_PYTHON]);
    });
  }

  it('says that there is no network before npm deletes what is there', { skip: !find('g++') && 'no compiler on this machine' }, () => {
    mkdirSync(join(checkout.root, 'node_modules'));
    writeFileSync(join(checkout.root, 'node_modules', 'kept'), '');
    const { code, lines } = checkout.run(setup, [], { PATH: process.env.PATH, ...NO_REGISTRY });
    assert.equal(code, 2);
    assert.match(lines.at(-1) ?? '', /^setup: no network: npm's registry can't be reached; /);
    assert.ok(existsSync(join(checkout.root, 'node_modules', 'kept')));
  });

  it('waits for another in the same checkout, and says so', { skip: !find('flock') && 'no flock on this machine' }, async () => {
    const lock = join(checkout.root, '.setup', 'lock');
    const other = spawn('flock', [lock, 'sh', '-c', 'echo held; read -r end'], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(other.stdout, 'data');
    const PATH = checkout.only(['node', 'npm']);
    const waiting = spawn(setup, { env: { PATH, HOME: checkout.root, ...NO_REGISTRY }, stdio: ['ignore', 'ignore', 'pipe'] });
    const [first] = (await once(waiting.stderr.setEncoding('utf8'), 'data')) as [string];
    assert.equal(first, 'setup: another setup runs in this checkout; waiting for it\n');
    assert.equal(waiting.exitCode, null);
    other.stdin.end();
    const [code] = (await once(waiting, 'close')) as [number];
    assert.equal(code, 2);
  });

  const stamps = join(ROOT, '.setup', 'rclnodejs.stamp');
  it('has nothing to do in a checkout that is set up', { skip: !existsSync(stamps) && 'bin/setup has not run in this checkout' }, () => {
    const startedMs = performance.now();
    const { code, lines } = checkout.run(`${ROOT}bin/setup`, ['--check'], process.env);
    assert.equal(code, 0, lines.join('\n'));
    assert.match(lines.at(-1) ?? '', /^setup: all there \(\d\.\d s\)$/);
    assert.ok(performance.now() - startedMs < QUICK_MS);
  });
});
