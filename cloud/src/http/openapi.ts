// OpenAPI 3.1 at /openapi.json, made from the routes' own schemas, and a page of it at /docs: plain HTML, made here, that fetches
// nothing and runs no script.
import swagger from '@fastify/swagger';
import { VERSION } from '../version/index.ts';
import { transform, transformObject } from './components.ts';
import { type ApiDocument, docsPage } from './docsPage.ts';
import type { App } from './types.ts';

const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** For a route's `security`. */
export const USER = [{ user: [] }];
export const DEVICE = [{ device: [] }];
/** No token is needed. */
export const OPEN: { readonly [scheme: string]: readonly string[] }[] = [];

/** For a route's `tags`, in the order of the document. */
export const TAGS = {
  inherited: { name: 'inherited', description: "The seven routes of the system's specification." },
  robots: { name: 'robots', description: 'State, alerts and accounting of a robot, for its members.' },
  commands: { name: 'commands', description: 'Commands to a robot and their results, for its members.' },
  uploads: { name: 'uploads', description: 'Pictures, logs and backups of a robot.' },
  machine: { name: 'machine', description: 'Health of this cloud.' },
} as const;

export async function describeRoutes(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'elderly-bot cloud',
        version: VERSION,
        description: 'What a robot that watches over an elderly person has to tell its family. Errors are {"detail": "what and why"}.',
        license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
      },
      servers: [{ url: '/' }],
      tags: Object.values(TAGS),
      components: {
        securitySchemes: {
          user: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'From /auth/login or /auth/register; lasts 7 days.' },
          device: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: "Signed with the robot's own X.509 key; lasts at most 5 minutes and is good once.",
          },
        },
      },
    },
    transform,
    transformObject,
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
