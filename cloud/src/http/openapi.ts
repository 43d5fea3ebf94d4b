// Generates the OpenAPI 3.1 document from the schemas of the routes. Serves it at /openapi.json, and as an HTML page without scripts at
// /docs. A named schema becomes an entry of components/schemas and a `$ref` in the routes.
import swagger from '@fastify/swagger';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { VERSION } from '../version/index.ts';
import type { App } from './app.ts';
import { type ApiDocument, docsPage } from './docsPage.ts';

const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** Values for a route's `security`. */
export const USER = [{ user: [] }];
export const DEVICE = [{ device: [] }];
/** The route needs no token. */
export const OPEN: { readonly [scheme: string]: readonly string[] }[] = [];

/** Values for a route's `tags`, in the order of the document. */
export const TAGS = {
  inherited: { name: 'inherited', description: "The seven routes that the system's specification defines." },
  robots: { name: 'robots', description: 'State, alerts and accounting of a robot. Only for its members.' },
  commands: { name: 'commands', description: 'Commands to a robot and their results. Only for its members.' },
  uploads: { name: 'uploads', description: 'Pictures, logs and backups of a robot.' },
  machine: { name: 'machine', description: 'Health of this cloud.' },
} as const;

/** Names a schema in zod's global registry. `.describe()` and `.extend()` return a new schema without this name. */
export function component<T extends z.ZodType>(id: string, schema: T): T {
  z.globalRegistry.add(schema, { ...z.globalRegistry.get(schema), id });
  return schema;
}

export async function describeRoutes(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'elderly-bot cloud',
        version: VERSION,
        description: 'Data of a robot that watches over an elderly person, for its family. Errors are {"detail": "..."}.',
        license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
      },
      servers: [{ url: '/' }],
      tags: Object.values(TAGS),
      components: {
        securitySchemes: {
          user: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'From /auth/login or /auth/register. It is valid for 7 days.',
          },
          device: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: "Signed with the robot's X.509 key. It is valid once, for at most 5 minutes.",
          },
        },
      },
    },
    transform: createJsonSchemaTransform({}),
    transformObject: (document) => withUsedSchemas(addComponents(document)),
  });
  app.get('/openapi.json', { schema: { hide: true } }, (_request, reply) =>
    reply.type('application/json; charset=utf-8').serializer(JSON.stringify).send(app.swagger()),
  );
  app.get('/docs', { schema: { hide: true } }, (_request, reply) =>
    reply
      .header('content-security-policy', PAGE_POLICY)
      .type('text/html; charset=utf-8')
      .serializer((page: string) => page)
      .send(docsPage(app.swagger() as unknown as ApiDocument)),
  );
}

const addComponents = createJsonSchemaTransformObject({});
const PREFIX = '#/components/schemas/';

interface Document {
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> };
}

/**
 * Removes unused schemas. The type provider writes each named schema twice: as `X` for answers and as `XInput` for requests. If only
 * `XInput` is used, it is renamed to `X`.
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
