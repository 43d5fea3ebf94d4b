// The named schemas of the API: each becomes an entry of components/schemas in the OpenAPI document and a `$ref` in the routes.
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';

/** For @fastify/swagger: the schemas of one route. */
export const transform = createJsonSchemaTransform({});
const addComponents = createJsonSchemaTransformObject({});

/** For @fastify/swagger: the whole document. */
export function transformObject(document: Parameters<typeof addComponents>[0]): ReturnType<typeof addComponents> {
  return withUsedSchemas(addComponents(document));
}

/** Names a schema, in zod's global registry, where descriptions are too. A later `.describe()` or `.extend()` makes another schema, which has no name. */
export function component<T extends z.ZodType>(id: string, schema: T): T {
  z.globalRegistry.add(schema, { ...z.globalRegistry.get(schema), id });
  return schema;
}

interface Document {
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> };
}

const PREFIX = '#/components/schemas/';

/**
 * The type provider writes each named schema twice: as `X` for answers and as `XInput` for requests. This leaves the ones that are in
 * use, and calls an `XInput` plainly `X` if there is no other.
 */
function withUsedSchemas<T extends object>(document: T): T {
  const { components, ...rest } = document as Document;
  const all = components?.schemas ?? {};
  const used = new Set<string>();
  const pending: unknown[] = [rest];
  while (pending.length > 0) {
    for (const [, name = ''] of JSON.stringify(pending.pop()).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name)) continue;
      used.add(name);
      pending.push(all[name]);
    }
  }
  const nameOf = (id: string): string => {
    const plain = id.replace(/Input$/, '');
    return used.has(plain) ? id : plain;
  };
  const schemas = Object.fromEntries([...used].sort().map((id) => [nameOf(id), all[id]]));
  return JSON.parse(JSON.stringify({ ...rest, components: { ...components, schemas } }), (key, value: unknown) =>
    key === '$ref' && typeof value === 'string' && value.startsWith(PREFIX) ? `${PREFIX}${nameOf(value.slice(PREFIX.length))}` : value,
  ) as T;
}
