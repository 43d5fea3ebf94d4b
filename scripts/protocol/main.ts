// Writes docs/reference/asyncapi.yaml and openapi.yaml. `--check` fails if a file is stale or if the AsyncAPI parser finds a fault;
// the OpenAPI document is linted by `redocly` (package.json).
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Parser } from '@asyncapi/parser';
import { asyncApi } from './asyncapi.ts';
import { openApiText } from './openapi.ts';

/** More lines say nothing new: one wrong schema is reported at each place that uses it. */
const MOST_FAULTS = 10;

/** A diagnostic up to this severity is a fault: 0 is an error, 1 a warning. */
const WARNING = 1;

async function faultsOf(text: string): Promise<string[]> {
  const { diagnostics } = await new Parser().parse(text);
  return diagnostics
    .filter(({ severity }) => severity <= WARNING)
    .map(({ code, message, path }) => `docs/reference/asyncapi.yaml: ${path.join('.')}: ${message} (${code})`);
}

const documents = { 'asyncapi.yaml': asyncApi(), 'openapi.yaml': await openApiText() };
const faults: string[] = [];
for (const [name, text] of Object.entries(documents)) {
  const file = fileURLToPath(new URL(`../../docs/reference/${name}`, import.meta.url));
  if (!process.argv.includes('--check')) writeFileSync(file, text);
  else if (readFileSync(file, 'utf8') !== text) faults.push(`docs/reference/${name} is stale: npm run generate`);
}
faults.push(...(await faultsOf(documents['asyncapi.yaml'])));
for (const fault of faults.slice(0, MOST_FAULTS)) process.stderr.write(`${fault}\n`);
if (faults.length > 0) process.exitCode = 1;
