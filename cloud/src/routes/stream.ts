// GET /telemetry/stream, for members: server-sent events with one robot's state, alerts and command results.
import type { ServerResponse } from 'node:http';
import { finished, Readable } from 'node:stream';
import { z } from 'zod';
import { errors, HttpError } from '../http/index.ts';
import { events, Looks, momentFrom } from '../stream/index.ts';
import { type Context, forUsers, thingQuery } from './context.ts';

/** The server closes a connection that accepts no data, not even a heartbeat, for this long. */
const STALLED_MS = 60_000;
/** Bytes that may wait for a slow client. Above this limit, the stream reads no more from the database. */
const WAITING_BYTES = 64 * 1024;
/** Retry-After of a refused stream. */
const RETRY_AFTER_S = 30;

export interface StreamLimits {
  /** Maximum number of streams of one instance. */
  readonly all: number;
  readonly perUser: number;
}

const LIMITS: StreamLimits = { all: 2_000, perUser: 8 };

export interface StreamRouteOptions {
  readonly limits?: StreamLimits;
  readonly heartbeatMs?: number;
}

export function streamRoutes(
  { app, db, auth, notifier, metrics }: Context,
  { limits = LIMITS, heartbeatMs }: StreamRouteOptions = {},
): void {
  const looks = new Looks(db);
  /** Open streams with the ids of their users. */
  const open = new Map<AbortController, number>();
  metrics.gauge('streams', 'Open event streams', () => open.size);
  let closing = false;
  // A stream never ends by itself, so all streams are ended before the server waits for running requests.
  app.addHook('preClose', (done) => {
    closing = true;
    for (const stream of open.keys()) stream.abort();
    done();
  });

  const openFor = (userId: number, expiresMs: number, response: ServerResponse): AbortSignal => {
    const count = [...open.values()].filter((owner) => owner === userId).length;
    if (count >= limits.perUser) throw new HttpError(429, `at most ${limits.perUser} streams at once`, RETRY_AFTER_S);
    if (open.size >= limits.all || closing)
      throw new HttpError(503, 'this instance accepts no more streams; try again later', RETRY_AFTER_S);
    const stream = new AbortController();
    open.set(stream, userId);
    const expires = setTimeout(() => stream.abort(), expiresMs - Date.now());
    // `finished` also fires if the client has already disconnected.
    finished(response, () => {
      clearTimeout(expires);
      open.delete(stream);
      stream.abort();
    });
    response.setTimeout(STALLED_MS, () => response.destroy());
    return stream.signal;
  };

  app.get(
    '/telemetry/stream',
    forUsers(auth, 'robots', {
      operationId: 'streamTelemetry',
      summary: 'A live stream of the changes of a robot',
      description:
        'Server-sent events: `state` (all channels), `alert` (as in GET /alerts, at each change), `result` (of a command), `gap` (some events were left out: read the lists). The stream begins with the current state. With Last-Event-ID, it begins with all changes since that event. An event may arrive twice, but none is lost without a `gap`. A comment every 15 s serves as a heartbeat.',
      querystring: thingQuery,
      headers: z.object({ 'last-event-id': z.string().optional().describe('The id of the last received event') }),
      response: {
        200: { description: 'Events, until the client disconnects', content: { 'text/event-stream': { schema: z.string() } } },
        ...errors(401, 403, 422, 429),
      },
    }),
    async (request, reply) => {
      const userId = auth.userOf(request);
      const thing = await auth.robotOf(request, request.query.thing);
      const stream = events({
        looks,
        notifier,
        thing,
        userId,
        since: momentFrom(request.headers['last-event-id']),
        signal: openFor(userId, auth.expiresMs(request), reply.raw),
        ...(heartbeatMs !== undefined && { heartbeatMs }),
      });
      // The first header stops nginx from buffering the events. The second prevents an idle connection from delaying a stop.
      reply.headers({ 'x-accel-buffering': 'no', connection: 'close' }).type('text/event-stream; charset=utf-8');
      const body: unknown = Readable.from(stream, { objectMode: false, highWaterMark: WAITING_BYTES });
      // The schema describes the whole stream as one string.
      return reply.send(body as string);
    },
  );
}
