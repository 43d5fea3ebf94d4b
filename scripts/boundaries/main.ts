// Writes biome.boundaries.json from the table; `--check` fails if the file is not what the table says.
import { fail, keep } from '../generated.ts';
import { overrides } from './rules.ts';

const lines = overrides().map((override) => JSON.stringify(override));
fail(keep('biome.boundaries.json', `{ "root": false, "overrides": [\n${lines.join(',\n')}\n] }\n`));
