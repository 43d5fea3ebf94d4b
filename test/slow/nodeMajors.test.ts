// The setup and the launchers with each supported major as the machine's Node.js: `npm run test:majors`. It fetches 20 and 22 from npm's
// registry. Agent and cloud run on the pinned one whatever the machine has.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../../scripts/lab/program.ts';
import { VERSION } from '../../src/version.ts';
import { Checkout, find } from '../setup/checkout.ts';

const OLDEST = '20.20.2';
const MAJORS = [OLDEST, '22', '24'] as const;

for (const wanted of MAJORS) {
  describe(`with Node.js ${wanted} on the machine`, { timeout: 300_000 }, () => {
    let folder: string;
    let bin: string;
    let checkout: Checkout;
    const run = (program: string, ...args: string[]) => {
      const { status, stdout, stderr } = spawnSync(join(ROOT, program), args, {
        encoding: 'utf8',
        env: { HOME: folder, PATH: `${bin}:/usr/bin:/bin` },
      });
      return { status, stdout: stdout.trim(), last: stderr.trim().split('\n').at(-1) ?? '' };
    };

    before(() => {
      checkout = new Checkout();
      folder = mkdtempSync(join(tmpdir(), 'elderly-bot-major-'));
      const fetched = spawnSync('npm', ['install', '--prefix', folder, '--ignore-scripts', `node-linux-${process.arch}@${wanted}`], {
        encoding: 'utf8',
      });
      assert.equal(fetched.status, 0, fetched.stderr);
      // Not in the folder of the package: the setup takes folders of npm off the PATH.
      bin = join(folder, 'machine');
      mkdirSync(bin);
      symlinkSync(join(folder, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node'), join(bin, 'node'));
    });
    after(() => {
      checkout.remove();
      rmSync(folder, { recursive: true, force: true });
    });

    it('is that version', () => {
      const { stdout } = spawnSync('node', ['--version'], { encoding: 'utf8', env: { PATH: bin } });
      assert.ok(stdout.startsWith(`v${wanted}`), stdout);
    });

    it('the setup finds that this checkout is whole', () => {
      const { status, last } = run('bin/setup', '--check');
      assert.deepEqual([status, /^setup: all there/.test(last)], [0, true], last);
    });

    it('the setup of a new checkout says what it would install', { skip: !find('g++') && 'no compiler on this machine' }, () => {
      const { code, lines } = checkout.run(`${checkout.root}/bin/setup`, ['--check', '--no-ros'], {
        ...process.env,
        PATH: `${bin}:/usr/bin:/bin`,
      });
      assert.equal(code, 1, lines.join('\n'));
      assert.match(lines.at(-1) ?? '', /^setup: would install npm packages; unix-dgram, compiled; the build in dist\/ /);
    });

    it('the launchers run on the pinned one', () => {
      assert.equal(run('bin/with-ros', 'node', '--version').stdout, process.version);
      assert.deepEqual(run('bin/elderly-bot', '--version'), { status: 0, stdout: VERSION, last: '' });
      assert.equal(run('bin/elderly-bot-cloud', '--help').status, 0);
    });
  });
}
