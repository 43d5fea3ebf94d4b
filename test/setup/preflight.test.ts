// Tests the preflight of bin/setup: it reports all missing parts before it changes anything, and a second setup waits for the first.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../../scripts/lab/program.ts';
import { Checkout, find } from './checkout.ts';

const QUICK_MS = 3_000;
const NO_PYTHON = 'setup: no Python 3.10 to 3.14 with venv on the PATH; install one (on Debian: apt-get install python3 python3-venv)';
/** A closed port in place of npm's registry. */
const NO_REGISTRY = { npm_config_registry: 'http://127.0.0.1:9/' };

describe('the setup', () => {
  let checkout: Checkout;
  let setup: string;

  before(() => {
    checkout = new Checkout();
    setup = `${checkout.root}/bin/setup`;
  });
  after(() => checkout.remove());

  it('reports each missing part in its own line with a remedy, and changes nothing', () => {
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

  for (const { fault, script } of [
    { fault: 'is too old', script: 'echo no' },
    { fault: 'is a shim without a target', script: 'exit 127' },
  ]) {
    it(`refuses a Python that ${fault}`, () => {
      const PATH = checkout.only(['node', 'npm', 'make', 'gcc', 'g++', 'readelf'], { python3: script, 'python3.12': script });
      const { code, lines } = checkout.run(setup, [], { PATH, ...NO_REGISTRY });
      assert.equal(code, 2);
      assert.deepEqual(lines.slice(0, -1), [NO_PYTHON]);
    });
  }

  it('reports a missing network before npm deletes the installed packages', { skip: !find('g++') && 'no compiler on this machine' }, () => {
    mkdirSync(join(checkout.root, 'node_modules'));
    writeFileSync(join(checkout.root, 'node_modules', 'kept'), '');
    const { code, lines } = checkout.run(setup, [], { PATH: process.env.PATH, ...NO_REGISTRY });
    assert.equal(code, 2);
    assert.match(lines.at(-1) ?? '', /^setup: no network: npm's registry can't be reached; /);
    assert.ok(existsSync(join(checkout.root, 'node_modules', 'kept')));
  });

  it('reports and waits for another setup in the same checkout', { skip: !find('flock') && 'no flock on this machine' }, async () => {
    const lock = join(checkout.root, '.setup', 'lock');
    const other = spawn('flock', [lock, 'sh', '-c', 'echo held; read -r end'], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(other.stdout, 'data');
    const PATH = checkout.only(['node', 'npm']);
    const waiting = spawn(setup, { env: { PATH, HOME: checkout.root, ...NO_REGISTRY }, stdio: ['ignore', 'ignore', 'pipe'] });
    const [first] = (await once(waiting.stderr.setEncoding('utf8'), 'data')) as [string];
    assert.equal(first, 'setup: waiting for another setup in this checkout\n');
    assert.equal(waiting.exitCode, null);
    other.stdin.end();
    const [code] = (await once(waiting, 'close')) as [number];
    assert.equal(code, 2);
  });

  const stamps = join(ROOT, '.setup', 'rclnodejs.stamp');
  it('leaves no program ros2 in the wheels, because one that does nothing would mislead', () => {
    assert.equal(existsSync(join(ROOT, '.ros2/bin/ros2')), false);
  });

  it('ends quickly in a prepared checkout', { skip: !existsSync(stamps) && 'bin/setup has not run in this checkout' }, () => {
    const startedMs = performance.now();
    const { code, lines } = checkout.run(`${ROOT}bin/setup`, ['--check'], process.env);
    assert.equal(code, 0, lines.join('\n'));
    assert.match(lines.at(-1) ?? '', /^setup: all there \(\d\.\d s\)$/);
    assert.ok(performance.now() - startedMs < QUICK_MS);
  });
});
