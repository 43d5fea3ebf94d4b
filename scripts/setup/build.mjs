// dist/ and cloud/dist/ from the sources, when one of them has changed.
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

/** @param {string} path @returns {string[]} each file below it with its time and size */
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
    // Taken before: what is edited during the build is built the next time.
    const before = sources();
    return stampAfter(
      'build',
      () => run('build', 'npm', ['run', 'build']),
      () => before,
    );
  },
};
