// Tests the released packages: the Debian package of this processor and the npm package. Each is unpacked into an empty folder and run
// from there. `npm run faults -- package` installs, upgrades, removes and purges the Debian package in a clean Debian.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../../scripts/lab/program.ts';
import { VERSION } from '../../src/version.ts';

const ARCH = process.arch === 'x64' ? 'amd64' : process.arch;
const skip = spawnSync('dpkg-deb', ['--version']).status === 0 ? false : 'no dpkg-deb: this is no Debian';
const skipLintian = spawnSync('lintian', ['--version']).status === 0 ? false : 'no lintian: apt-get install lintian';

interface Ran {
  readonly status: number | null;
  readonly text: string;
}

function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = process.env): Ran {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', env });
  return { status, text: `${stdout}${stderr}`.trim() };
}

/** Asserts that the program of an unpacked package works in a new folder. */
function worksFrom(program: string, folder: string): void {
  mkdirSync(folder);
  assert.deepEqual(run(program, ['--version'], folder), { status: 0, text: VERSION });
  writeFileSync(join(folder, 'robot.yaml'), 'thing: kitchen-bot\nstate_dir: state\n');
  const stats = run(program, ['outbox', 'stats', '--config', 'robot.yaml'], folder);
  assert.match(stats.text, /OUTBOX_MISSING/);
  // The error proves that the agent loaded its ROS code.
  const { AMENT_PREFIX_PATH: _, ...env } = process.env;
  const topics = run(program, ['topics', '--config', 'robot.yaml'], folder, { ...env, ELDERLY_BOT_ROS_PREFIX: '/nonexistent' });
  if (!existsSync('/opt/ros')) assert.match(topics.text, /ROS_MISSING/);
  const installed = run(program, ['service', 'install', '--config', 'robot.yaml', '--user', 'robot', '--root', 'root'], folder);
  assert.equal(installed.status, 0, installed.text);
  assert.ok(existsSync(join(folder, 'root/etc/systemd/system/elderly-bot.service')));
}

describe('a released package', { timeout: 240_000 }, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-package-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  describe('the Debian package', { skip }, () => {
    let deb: string;
    let root: string;
    before(() => {
      const built = run(process.execPath, ['scripts/package/main.mjs', '--arch', ARCH, '--out', folder], ROOT);
      assert.equal(built.status, 0, built.text);
      deb = built.text.split('\n').at(-1) ?? '';
      root = join(folder, 'root');
      assert.equal(run('dpkg-deb', ['--extract', deb, root], folder).status, 0);
    });

    it('runs from the folder to which it is unpacked', () => worksFrom(join(root, 'usr/bin/elderly-bot'), join(folder, 'elsewhere')));

    it('runs on its own Node.js even if the PATH contains another one', () => {
      const bin = join(folder, 'another-node');
      mkdirSync(bin);
      writeFileSync(join(bin, 'node'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
      const env = { ...process.env, PATH: `${bin}:/usr/bin:/bin` };
      const { text } = run(join(root, 'usr/lib/elderly-bot/bin/with-ros'), ['node', '--version'], folder, env);
      assert.equal(text, process.version);
      assert.deepEqual(run(join(root, 'usr/bin/elderly-bot'), ['--version'], folder, env), { status: 0, text: VERSION });
    });

    it('contains compiled modules only for this processor', () => {
      const modules = join(root, 'usr/lib/elderly-bot/node_modules');
      const compiled = (readdirSync(modules, { recursive: true }) as string[]).filter((name) => name.endsWith('.node'));
      const has = (part: string) => compiled.some((name) => name.includes(part));
      for (const part of ['better-sqlite3/prebuilds/linux-', 'unix_dgram.node', 'sharp-linux', 'jazzy-noble', 'kilted-noble'])
        assert.ok(has(part), part);
      assert.ok(!has(process.arch === 'x64' ? 'arm64' : 'x64'), compiled.join('\n'));
    });

    it('contains units with the path of its program, sysusers and tmpfiles', () => {
      const unit = readFileSync(join(root, 'usr/lib/systemd/system/elderly-bot.service'), 'utf8');
      assert.match(unit, /^ExecStart=\/usr\/bin\/elderly-bot run/m);
      assert.doesNotMatch(unit, /\/opt\//);
      for (const kind of ['sysusers', 'tmpfiles']) assert.ok(existsSync(join(root, `usr/lib/${kind}.d/elderly-bot.conf`)));
    });

    it('passes lintian without an error', { skip: skipLintian }, () => {
      const { status, text } = run('lintian', ['--allow-root', '--fail-on', 'error', deb], folder);
      assert.equal(status, 0, text);
    });
  });

  it('contains only the program as an npm package, and runs from an empty folder', () => {
    const packed = run('npm', ['pack', '--silent', '--pack-destination', folder], ROOT);
    assert.equal(packed.status, 0, packed.text);
    const unpacked = join(folder, 'npm');
    mkdirSync(unpacked);
    const file = join(folder, packed.text.split('\n').at(-1) ?? '');
    assert.equal(run('tar', ['-xzf', file, '-C', unpacked, '--strip-components=1'], folder).status, 0);
    const content = new Set(readdirSync(unpacked));
    for (const name of ['src', 'test', 'cloud', 'scripts', '.setup', 'demo']) assert.ok(!content.has(name), name);
    // The dependencies that npm would install.
    symlinkSync(join(ROOT, 'node_modules'), join(unpacked, 'node_modules'));
    worksFrom(join(unpacked, 'bin/elderly-bot'), join(folder, 'empty'));
  });
});
