// Writes docs/reference/asyncapi.yaml. `--check` fails if the file is stale or if the AsyncAPI parser finds a fault in it.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Parser } from '@asyncapi/parser';
import { asyncApi } from './asyncapi.ts';

const FILE = fileURLToPath(new URL('../../docs/reference/asyncapi.yaml', import.meta.url));

async function check(text: string): Promise<string[]> {
  if (readFileSync(FILE, 'utf8') !== text) return ['docs/reference/asyncapi.yaml is older than src/wire: npm run generate'];
  const { diagnostics } = await new Parser().parse(text);
  // 0 is an error, 1 a warning; hints are a matter of taste.
  return diagnostics
    .filter(({ severity }) => severity <= 1)
    .map(({ code, message, path }) => `docs/reference/asyncapi.yaml: ${path.join('.')}: ${message} (${code})`);
}

const text = asyncApi();
if (!process.argv.includes('--check')) writeFileSync(FILE, text);
else {
  const faults = await check(text);
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  if (faults.length > 0) process.exitCode = 1;
}
