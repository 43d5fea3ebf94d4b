// Builds the HTTP server without its routes. The zod schemas are the only source of validation, types and OpenAPI. Each request has one
// log line. It names the route and never shows values of the URL, the headers or the body.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { createSerializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import { fail, HttpError } from './errors.ts';
import { describeRoutes } from './openapi.ts';
import { isLoopback, protect } from './protect.ts';

export type App = FastifyInstance<Server, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>;

const MAX_BODY_BYTES = 64 * 1024;
/** Longest thing name. Its characters need no escaping in a URL. */
const MAX_PARAMETER_LENGTH = 128;
/** Time limit for receiving a whole request, so that slow clients cannot occupy connections. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Longer than nginx keeps an upstream connection (60 s), so that this server never closes a connection that nginx is about to reuse. */
const KEEP_ALIVE_MS = 75_000;

export interface AppOptions {
  readonly log: Logger;
  readonly corsOrigins: readonly string[];
  /** Addresses and networks of proxies, which may name the address of their caller. */
  readonly trustProxy?: readonly string[];
  /** Called for each answer. `route` is the pattern of the route, not the URL. */
  readonly onAnswer?: (route: string, method: string, status: number, seconds: number) => void;
}

export async function buildApp({ log, corsOrigins, trustProxy = [], onAnswer }: AppOptions): Promise<App> {
  const app = Fastify({
    bodyLimit: MAX_BODY_BYTES,
    logger: false,
    genReqId: () => randomUUID(),
    trustProxy: [...trustProxy],
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Ignores fields named `__proto__` or `constructor` like any unknown field (docs/reference/protocol.md, Conventions).
    onProtoPoisoning: 'remove',
    onConstructorPoisoning: 'remove',
    routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH },
    forceCloseConnections: 'idle',
    frameworkErrors: (error, request, reply) => void fail(log, error, request, reply),
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(createSerializerCompiler({ replacer: withDecimals }));
  app.setErrorHandler((error, request, reply) => fail(log, error, request, reply));
  await protect(app, corsOrigins);
  answerUnknown(app, log);
  endConnections(app);
  if (trustProxy.length === 0) reportProxy(app, log);
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    const ms = Math.round(reply.elapsedTime);
    log.info({ event: 'request', request_id: request.id, method: request.method, route, status: reply.statusCode, ms }, 'answered');
    onAnswer?.(route, request.method, reply.statusCode, reply.elapsedTime / 1_000);
    done();
  });
  await describeRoutes(app);
  return app;
}

/** JSON.rawJSON of Node 24, which TypeScript's library does not declare yet. */
const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };

/** Writes a whole temperature as 21.0, because an existing app reads the inherited column of type float as a double. */
function withDecimals(key: string, value: unknown): unknown {
  return key === 'temperature' && Number.isInteger(value) ? rawJSON((value as number).toFixed(1)) : value;
}

/**
 * Closes all connections at a stop as soon as no request is running. Browsers open connections in advance. Node does not treat a
 * connection without any request as idle and would wait for its timeout.
 */
function endConnections(app: App): void {
  let answering = 0;
  let closing = false;
  const endIfDone = (): void => {
    if (closing && answering === 0) app.server.closeAllConnections();
  };
  app.server.on('request', (_request, response) => {
    answering++;
    response.once('close', () => {
      answering--;
      endIfDone();
    });
  });
  app.addHook('preClose', (done) => {
    closing = true;
    endIfDone();
    done();
  });
}

/** Behind a proxy that is not trusted, all callers seem to be one network and share its limits. */
function reportProxy(app: App, log: Logger): void {
  let isReported = false;
  app.addHook('onRequest', (request, _reply, done) => {
    if (!isReported && request.headers['x-forwarded-for'] !== undefined && isLoopback(request.ip)) {
      isReported = true;
      log.warn(
        { event: 'proxy_not_trusted', address: request.ip },
        'a proxy names its caller: set TRUST_PROXY to the address of the proxy',
      );
    }
    done();
  });
}

/** Answers 405 with the allowed methods if the path exists, else 404. */
function answerUnknown(app: App, log: Logger): void {
  const routes: { readonly methods: readonly string[]; readonly path: RegExp }[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    const pattern = url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:[A-Za-z_]+/g, '[^/]+');
    routes.push({ methods: [method].flat(), path: new RegExp(`^${pattern}$`) });
  });
  const answer = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const path = request.url.split('?')[0] ?? '';
    const allowed = [...new Set(routes.filter((route) => route.path.test(path)).flatMap((route) => route.methods))];
    if (allowed.length === 0) return fail(log, new HttpError(404, `there is no route ${request.method} ${path}`), request, reply);
    reply.header('allow', allowed.join(', '));
    return fail(log, new HttpError(405, `${path} allows only ${allowed.join(', ')}`), request, reply);
  };
  app.setNotFoundHandler(answer);
  // This hook runs before the body is parsed, because parsing could fail with another status.
  app.addHook('onRequest', async (request, reply) => (request.is404 ? answer(request, reply) : undefined));
}
