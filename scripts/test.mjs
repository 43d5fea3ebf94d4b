// Runs the tests with node:test and tsx. `node --test DIR` on Node.js 20 finds no .ts file and passes, so the files are named here, and
// a run without tests fails. `npm test -- FILE ...` runs only the named files; the files in test/slow run only if named.
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = ['test', 'cloud/test'];
const SLOW = join('test', 'slow');
const AT_ONCE = 2;

/** @param {string} folder @returns {string[]} */
function testsIn(folder) {
  if (folder === SLOW) return [];
  return readdirSync(join(ROOT, folder)).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(join(ROOT, path)).isDirectory()) return testsIn(path);
    return name.endsWith('.test.ts') ? [path] : [];
  });
}

const given = process.argv.slice(2);
const files = given.length > 0 ? given : FOLDERS.flatMap(testsIn).sort();
if (files.length === 0) {
  process.stderr.write(`no test file found in ${FOLDERS.join(' or ')}\n`);
  process.exit(1);
}
// A test that failed may leave a client behind, which would keep the process of its file alive for ever: --test-force-exit. A test without a
// limit of its own that waits for what never comes ends after ten minutes, far more than any test takes.
const args = [
  '--import',
  'tsx',
  '--test',
  '--test-force-exit',
  '--test-timeout=600000',
  `--test-concurrency=${AT_ONCE}`,
  '--test-reporter=spec',
  ...files,
];
const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
let end = '';
child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ part) => {
  process.stdout.write(part);
  end = `${end}${part}`.slice(-4_000);
});
child.once('close', (code) => {
  const ran = Number(/^ℹ tests (\d+)/m.exec(stripVTControlCharacters(end))?.[1] ?? 0);
  process.exitCode = ran === 0 ? 1 : (code ?? 1);
});
