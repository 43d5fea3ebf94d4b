// Headers of every answer: no guessed content types, no framing, no caching, no scripts. CORS is closed unless origins are named.
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import type { App } from './types.ts';

const NONE = ["'none'"];
/** Seconds that a browser may remember a preflight. */
const PREFLIGHT_S = 600;

/** @param origins exactly as browsers send them, such as `https://family.example.org`. */
export async function protect(app: App, origins: readonly string[]): Promise<void> {
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers({ 'cache-control': 'no-store', 'x-request-id': request.id });
    done();
  });
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: NONE, frameAncestors: NONE, baseUri: NONE, formAction: NONE },
    },
    xFrameOptions: { action: 'deny' },
  });
  if (origins.length === 0) return;
  await app.register(cors, {
    // A function, so that a preflight of an unlisted origin is refused like any unknown method.
    origin: async (origin: string | undefined) => origin !== undefined && origins.includes(origin),
    methods: ['GET', 'POST'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Last-Event-ID'],
    exposedHeaders: ['Retry-After', 'X-Request-Id'],
    maxAge: PREFLIGHT_S,
    strictPreflight: false,
  });
}
