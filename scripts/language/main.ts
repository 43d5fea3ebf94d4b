// The language check: spelling and forbidden phrases in docs, comments, user-visible strings and test titles.
//
//   npm run language                   all files that git tracks
//   npm run language -- src/outbox     one directory or file
//
// list.ts has the phrases. A term that is right and unknown goes into docs/dictionary.txt.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check } from './check.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Licences and third-party text, data that tests plant as faulty, and this check's own list. */
const EXCLUDED = /^(LICENSE|package-lock\.json|docs\/dictionary\.txt|test\/config\/bad\/|scripts\/language\/list\.ts|test\/lint\/language)/;

const isIn = (file: string, folders: readonly string[]): boolean =>
  folders.some((folder) => file === folder || file.startsWith(`${folder.replace(/\/$/, '')}/`));

const chosen = process.argv.slice(2);
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' }).split(
  '\n',
);
const files = tracked.filter((file) => file !== '' && !EXCLUDED.test(file) && (chosen.length === 0 || isIn(file, chosen)));

const faults = await check(files.map((file) => ({ file, source: readFileSync(join(ROOT, file), 'utf8') })));
for (const { file, line, found, advice } of faults) process.stdout.write(`${file}:${line}: "${found}": ${advice}\n`);
if (faults.length > 0) {
  process.stdout.write(
    `${faults.length} faults of language; scripts/language/list.ts has the phrases, docs/dictionary.txt the project's words\n`,
  );
  process.exitCode = 1;
}
