// Keeps a generated file of the repository: `npm run generate` writes it, and `npm run check` (`--check`) compares it.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @param file path in the repository. @returns the faults: that the file is stale. */
export function keep(file: string, text: string): string[] {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  if (process.argv.includes('--check')) return readFileSync(path, 'utf8') === text ? [] : [`${file} is stale: npm run generate`];
  writeFileSync(path, text);
  return [];
}

/** Prints the faults and lets the process fail if there are any. */
export function fail(faults: readonly string[]): void {
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  if (faults.length > 0) process.exitCode = 1;
}
