// What the cloud answers over HTTP. So far: the open route that the system's specification gives, and two for this machine only.
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { LinkState } from './broker/link.ts';
import { readAccounts } from './coverage.ts';
import type { Database } from './database/database.ts';
import { messageOf } from './errors.ts';
import { givenChannels, type StateValues } from './state.ts';

const MAX_BODY_BYTES = 64 * 1024;
/** Fastify's own limit is below that of a thing's name. */
const MAX_NAME_LENGTH = 128;
const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

export interface RoutesOptions {
  readonly db: Database;
  readonly log: Logger;
  readonly broker: () => LinkState;
  readonly publicTelemetry: boolean;
  readonly defaultThing: string | null;
}

/** An answer other than 200; its text is for the caller. */
class HttpError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, detail: string) {
    super(detail);
    this.statusCode = statusCode;
  }
}

export function httpServer({ db, log, broker, publicTelemetry, defaultThing }: RoutesOptions): FastifyInstance {
  const server = Fastify({
    bodyLimit: MAX_BODY_BYTES,
    logger: false,
    routerOptions: { maxParamLength: MAX_NAME_LENGTH },
    frameworkErrors: (error, request, reply) => void fail(log, error, request, reply),
  });
  server.setErrorHandler((error, request, reply) => fail(log, error, request, reply));
  server.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ detail: `there is no ${request.method} ${request.url.split('?')[0]}` }),
  );

  server.get<{ Querystring: { thing?: unknown } }>('/telemetry', async (request) => {
    if (!publicTelemetry) throw new HttpError(401, 'this server shows telemetry only to those who are logged in');
    return givenChannels(await latestState(db, request.query.thing ?? defaultThing));
  });

  server.get('/healthz', { onRequest: localOnly }, async (_request, reply) => {
    const database = await whyNot(() => db.query('select 1'));
    const link = broker();
    const healthy = database === null && link === 'subscribed';
    return reply.code(healthy ? 200 : 503).send({ status: healthy ? 'ok' : 'degraded', database: database ?? 'ok', broker: link });
  });

  server.get<{ Params: { thing: string } }>('/robots/:thing/accounting', { onRequest: localOnly }, async (request) => {
    const { thing } = request.params;
    const accounts = await readAccounts(db, thing);
    if (accounts.length === 0) throw new HttpError(404, `no robot ${thing} has spoken yet`);
    return { thing, outboxes: accounts };
  });
  return server;
}

async function latestState(db: Database, thing: unknown): Promise<StateValues> {
  if (thing !== null && typeof thing !== 'string') throw new HttpError(422, 'thing: expected one name');
  const rows = await db.query<{ state: StateValues }>('select state from robots where $1::text is null or thing = $1 limit 2', [thing]);
  if (rows.length > 1) throw new HttpError(422, 'thing: there are several robots; say which with ?thing=');
  if (rows.length === 0 && thing !== null) throw new HttpError(404, `no robot ${thing} has spoken yet`);
  return rows[0]?.state ?? {};
}

/** A request that a proxy passes on comes from this machine too, but not from someone on it. */
function localOnly(request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void {
  const forwarded = request.headers['x-forwarded-for'] !== undefined || request.headers.forwarded !== undefined;
  done(LOOPBACK.has(request.ip) && !forwarded ? undefined : new HttpError(403, 'this route answers only on the machine itself'));
}

function fail(log: Logger, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const status = (error as { statusCode?: unknown }).statusCode;
  if (typeof status === 'number' && status >= 400 && status < 500) return reply.code(status).send({ detail: messageOf(error) });
  log.error({ event: 'request_failed', route: request.routeOptions.url, why: messageOf(error) }, 'answered 503');
  return reply.code(503).send({ detail: 'the database does not answer; try again later' });
}

async function whyNot(work: () => Promise<unknown>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
