// npm packages from the lock file, and their two compiled parts.
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileEnvironment, contents, hash, ROOT, run, stamp, stamped, succeeds } from './context.mjs';
import { usesWheels } from './python.mjs';

const MANIFESTS = ['package.json', 'package-lock.json', 'cloud/package.json', '.npmrc'];
const CI = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries=1'];
const WITH_ROS = join(ROOT, 'bin', 'with-ros');

function lockHash() {
  return hash(...MANIFESTS.map(contents), process.versions.modules);
}

export const nodePackages = {
  name: 'npm packages',
  what: () => 'npm packages into node_modules/',
  done: () => stamped('npm', lockHash()) && existsSync(join(ROOT, 'node_modules', '.package-lock.json')),
  async run() {
    await run('npm-ci', 'npm', CI, { env: { ...process.env, NODE_ENV: 'development' } });
    stamp('npm', lockHash());
  },
};

export const sqlite = {
  name: 'better-sqlite3 (compiled here, about a minute)',
  what: () => 'better-sqlite3, compiled',
  done: () => succeeds(process.execPath, ['-e', `new (require('better-sqlite3'))(':memory:')`]),
  run: () => run('better-sqlite3', 'npm', ['rebuild', 'better-sqlite3'], { env: compileEnvironment() }),
};

/** Asks the very code that loads it on the robot. */
const LOADS = `import('./dist/ros/binding.js').then(({ loadBinding }) => loadBinding()).catch(() => process.exit(1))`;

export const rclnodejs = {
  name: 'rclnodejs (compiled against this ROS 2, about a minute)',
  what: () => 'rclnodejs, compiled',
  done: () =>
    existsSync(join(ROOT, 'dist', 'ros', 'binding.js')) && succeeds(WITH_ROS, [process.execPath, '--input-type=module', '-e', LOADS]),
  async run() {
    // node-gyp does not quote its include paths: with a space in ours it is compiled elsewhere and copied.
    if (/\s/.test(ROOT)) await compileElsewhere();
    else await compile(ROOT, {});
  },
};

/** @param {string} cwd @param {NodeJS.ProcessEnv} extra */
async function compile(cwd, extra) {
  const env = { ...compileEnvironment(), ...extra, npm_config_yes: 'true' };
  const script = 'LIBRARY_PATH="$LD_LIBRARY_PATH" exec npm rebuild rclnodejs --foreground-scripts';
  await run('rclnodejs', WITH_ROS, ['sh', '-c', script], { cwd, env });
}

async function compileElsewhere() {
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-build-'));
  try {
    for (const name of MANIFESTS) {
      mkdirSync(join(folder, 'cloud'), { recursive: true });
      cpSync(join(ROOT, name), join(folder, name));
    }
    await run('npm-ci-elsewhere', 'npm', CI, { cwd: folder });
    const link = join(folder, 'ros2');
    if (usesWheels()) symlinkSync(join(ROOT, '.ros2'), link);
    await compile(folder, usesWheels() ? { ELDERLY_BOT_ROS_PREFIX: link } : {});
    const target = join(ROOT, 'node_modules', 'rclnodejs');
    cpSync(join(folder, 'node_modules', 'rclnodejs'), `${target}.new`, { recursive: true });
    rmSync(target, { recursive: true, force: true });
    renameSync(`${target}.new`, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
