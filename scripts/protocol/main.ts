// Writes docs/reference/asyncapi.yaml and openapi.yaml. `--check` fails if a file is stale or if the AsyncAPI parser finds a fault;
// the OpenAPI document is linted by `redocly` (package.json).
import { Parser } from '@asyncapi/parser';
import { fail, keep } from '../generated.ts';
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

const asyncApiText = asyncApi();
const stale = [...keep('docs/reference/asyncapi.yaml', asyncApiText), ...keep('docs/reference/openapi.yaml', await openApiText())];
fail([...stale, ...(await faultsOf(asyncApiText))].slice(0, MOST_FAULTS));
