// Writes biome.boundaries.json from the table; `--check` fails if the file is not what the table says.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { overrides } from './rules.ts';

const FILE = fileURLToPath(new URL('../../biome.boundaries.json', import.meta.url));
const lines = overrides().map((override) => JSON.stringify(override));
const text = `{ "root": false, "overrides": [\n${lines.join(',\n')}\n] }\n`;

if (!process.argv.includes('--check')) writeFileSync(FILE, text);
else if (readFileSync(FILE, 'utf8') !== text) {
  process.stderr.write('biome.boundaries.json is older than scripts/boundaries/table.ts: npm run generate\n');
  process.exitCode = 1;
}
