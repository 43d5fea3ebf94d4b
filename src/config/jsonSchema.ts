// JSON Schema of a configuration file, so that editors complete and check keys. A file lists only differences from the default file:
// no key is required, and null removes an entry.
import * as z from 'zod';
import { config } from './schema.ts';

type Json = { [key: string]: unknown };

/** JSON Schema draft 2020-12. */
export function configJsonSchema(): Json {
  const schema = z.toJSONSchema(config, { io: 'input', unrepresentable: 'any' }) as Json;
  const { channels, cameras, commands } = schema.properties as Record<string, Json>;
  for (const map of [channels, cameras, commands])
    if (map) map.additionalProperties = { anyOf: [map.additionalProperties, { type: 'null' }] };
  return { ...(withoutRequired(schema) as Json), title: 'elderly-bot configuration' };
}

function withoutRequired(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutRequired);
  if (node === null || typeof node !== 'object') return node;
  return Object.fromEntries(
    Object.entries(node).flatMap(([key, value]) => (key === 'required' && Array.isArray(value) ? [] : [[key, withoutRequired(value)]])),
  );
}
