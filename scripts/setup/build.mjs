// Builds dist/ and cloud/dist/ if a source has changed.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './context.mjs';
import { run } from './run.mjs';
import { hash, stampAfter, stamped } from './stamps.mjs';

const SOURCES = [
  'src',
  'cloud/src',
  'scripts/bundle.mjs',
  'tsconfig.json',
  'cloud/tsconfig.build.json',
  'package.json',
  'package-lock.json',
];
const RESULTS = ['dist/cli/main.js', 'cloud/dist/cloud/src/main.js'];

/** @param {string} path @returns {string[]} each file below `path` with its time and size */
function files(path) {
  const stats = statSync(join(ROOT, path));
  if (stats.isDirectory()) return readdirSync(join(ROOT, path)).flatMap((name) => files(join(path, name)));
  return [`${path} ${stats.mtimeMs} ${stats.size}`];
}

function sources() {
  return hash(...SOURCES.flatMap(files));
}

/** @type {import('./context.mjs').Step} */
export const build = {
  name: 'build',
  what: 'the build in dist/',
  needs: [],
  done: () => RESULTS.every((file) => existsSync(join(ROOT, file))) && stamped('build', sources()),
  run() {
    // Computed before the build: a file that is edited during the build causes another build.
    const before = sources();
    return stampAfter(
      'build',
      () => run('build', 'npm', ['run', 'build']),
      () => before,
    );
  },
};
