// Installs the npm packages of the lock file, including the pinned Node.js, without their scripts. If a script of rclnodejs failed, npm
// would omit the package without a message.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { contents, find, ROOT, SetupError } from './context.mjs';
import { hasPinnedNode, pinnedVersion } from './pinnedNode.mjs';
import { CONNECT, isNetworkError, run } from './run.mjs';
import { hash, stampAfter, stamped } from './stamps.mjs';

export const MANIFESTS = ['package.json', 'package-lock.json', 'cloud/package.json', '.npmrc'];

/** The lock file also pins the Node.js that the native modules are compiled for. */
export function lockHash() {
  return hash(contents('package-lock.json'), contents('.npmrc'));
}

/** @type {import('./context.mjs').Step} */
export const nodePackages = {
  name: 'npm packages',
  what: 'npm packages',
  needs: [],
  done: () => stamped('npm', lockHash()) && isWhole() && hasPinnedNode(),
  async check() {
    if (pinnedVersion() === undefined) {
      throw new SetupError(
        `there is no pinned Node.js for ${process.platform}-${process.arch}`,
        'take a machine with Linux on an x64 or arm64 processor',
      );
    }
    if (!find('npm'))
      throw new SetupError('no npm on the PATH', 'install the one that comes with Node.js (on Debian: apt-get install npm)');
    // `npm ci` deletes node_modules before it downloads, so the registry must be reachable.
    const ping = spawnSync('npm', ['ping', '--fetch-retries=0', '--fetch-timeout=15000'], { cwd: ROOT, encoding: 'utf8' });
    if (ping.status !== 0 && isNetworkError(ping.stderr)) throw new SetupError("no network: npm's registry can't be reached", CONNECT);
  },
  run: () =>
    stampAfter(
      'npm',
      () =>
        run('npm', 'npm', ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--fetch-retries=1'], {
          fetches: "npm's registry",
        }),
      lockHash,
    ),
};

/** Whether every package in npm's list of installed packages exists, and the list contains rclnodejs. */
function isWhole() {
  const note = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(note)) return false;
  /** @type {{ packages: Record<string, unknown> }} */
  const { packages } = JSON.parse(readFileSync(note, 'utf8'));
  return 'node_modules/rclnodejs' in packages && Object.keys(packages).every((path) => existsSync(join(ROOT, path, 'package.json')));
}
