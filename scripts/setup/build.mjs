// dist/ and cloud/dist/ from the sources, when a source is newer.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, run, STATE, stamp } from './context.mjs';

const SOURCES = ['src', 'cloud/src', 'tsconfig.json', 'tsconfig.build.json', 'cloud/tsconfig.build.json'];
const RESULTS = ['dist/cli/main.js', 'cloud/dist/cloud/src/main.js'];

/** @param {string} path @returns {number} newest change below it */
function newest(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

export const build = {
  name: 'build',
  what: () => 'the build in dist/',
  done() {
    const built = join(STATE, 'build.stamp');
    if (!existsSync(built) || RESULTS.some((file) => !existsSync(join(ROOT, file)))) return false;
    return Math.max(...SOURCES.map((path) => newest(join(ROOT, path)))) <= statSync(built).mtimeMs;
  },
  async run() {
    await run('build', 'npm', ['run', 'build']);
    stamp('build', new Date().toISOString());
  },
};
