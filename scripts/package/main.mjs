// `npm run package [-- --arch amd64 --arch arm64 --out packages]` makes a Debian package for each processor from the built checkout. Each
// package contains the pinned Node.js, so the robot's own does not matter. rclnodejs is prebuilt for Ubuntu's ROS 2; sharp and
// better-sqlite3 are prebuilt for both processors. unix-dgram is compiled here for this processor, and during the installation for the
// other.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT, report, SetupError } from '../setup/context.mjs';
import { control } from './control.mjs';
import { stage } from './stage.mjs';

const ARCHITECTURES = /** @type {const} */ (['amd64', 'arm64']);

/** @typedef {(typeof ARCHITECTURES)[number]} Architecture */

/** @param {string[]} args */
function options(args) {
  const { values } = parseArgs({
    args,
    options: {
      arch: { type: 'string', multiple: true, default: [...ARCHITECTURES] },
      out: { type: 'string', default: 'packages' },
      version: { type: 'string' },
    },
  });
  const wrong = values.arch.find((arch) => !ARCHITECTURES.some((known) => known === arch));
  if (wrong !== undefined) throw new SetupError(`--arch ${wrong}`, `it is one of ${ARCHITECTURES.join(', ')}`);
  return { ...values, arch: ARCHITECTURES.filter((arch) => values.arch.includes(arch)) };
}

/** @param {Architecture} arch @param {string} out @param {string | undefined} version */
function packageFor(arch, out, version) {
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-package-'));
  try {
    const staged = stage(folder, arch, version);
    control(folder, arch, staged);
    const file = join(out, `elderly-bot_${staged.version}_${arch}.deb`);
    const built = spawnSync('dpkg-deb', ['--root-owner-group', '-Zgzip', '--build', folder, file], { encoding: 'utf8' });
    if (built.status !== 0) throw new SetupError(`dpkg-deb: ${built.error?.message ?? built.stderr.trim()}`, 'apt-get install dpkg');
    process.stdout.write(`${file}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  const { arch, out, version } = options(process.argv.slice(2));
  const folder = resolve(ROOT, out);
  mkdirSync(folder, { recursive: true });
  for (const each of arch) packageFor(each, folder, version);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  report(`${error.message}; ${error.remedy}`);
  process.exitCode = 2;
}
