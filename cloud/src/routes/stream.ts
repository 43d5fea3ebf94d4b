// GET /telemetry/stream, for members: server-sent events of one robot's state, alerts and results.
import type { ServerResponse } from 'node:http';
import { finished, Readable } from 'node:stream';
import { z } from 'zod';
import { robotsOf } from '../auth/index.ts';
import { errors, HttpError, TAGS, USER } from '../http/index.ts';
import { events, snapshotFrom } from '../stream/index.ts';
import type { Context } from './context.ts';
import { thingQuery } from './parameters.ts';

/** A client that takes nothing for so long, heartbeats neither, is gone. */
const STALLED_MS = 60_000;
/** Bytes that wait for a slow client before no more is read for it. */
const WAITING_BYTES = 64 * 1024;

/** When somebody who got none may ask again. */
const AGAIN_S = 30;

export interface StreamLimits {
  /** Streams of one instance. */
  readonly all: number;
  readonly perUser: number;
}

const LIMITS: StreamLimits = { all: 2_000, perUser: 8 };

export interface StreamRouteOptions {
  readonly limits?: StreamLimits;
  readonly heartbeatMs?: number;
}

export function streamRoutes({ app, db, auth, notifier }: Context, { limits = LIMITS, heartbeatMs }: StreamRouteOptions = {}): void {
  /** Each with whose it is. */
  const open = new Map<AbortController, number>();
  let closing = false;
  // Before the server waits for its requests: these would never end.
  app.addHook('preClose', (done) => {
    closing = true;
    for (const stream of open.keys()) stream.abort();
    done();
  });

  const openFor = (userId: number, expiresMs: number, response: ServerResponse): AbortSignal => {
    const theirs = [...open.values()].filter((one) => one === userId).length;
    if (theirs >= limits.perUser) throw new HttpError(429, `at most ${limits.perUser} streams at once`, AGAIN_S);
    if (open.size >= limits.all || closing) throw new HttpError(503, 'no more streams here now; try again later', AGAIN_S);
    const stream = new AbortController();
    open.set(stream, userId);
    const expires = setTimeout(() => stream.abort(), expiresMs - Date.now());
    // Also of a client that left while it was being let in.
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
    {
      onRequest: auth.user,
      schema: {
        operationId: 'streamTelemetry',
        tags: [TAGS.robots.name],
        summary: 'What is new of a robot, as it happens',
        description:
          'Server-sent events: `state` (all channels), `alert` (as in GET /alerts, at each change), `result` (of a command), `gap` (more happened than is sent: read the lists). First comes what stands now, or, with Last-Event-ID, all since then; an event may come twice, none is left out. A comment each 15 s shows that it lives.',
        security: USER,
        querystring: thingQuery,
        headers: z.object({ 'last-event-id': z.string().optional().describe('The id of the last event that you have') }),
        response: {
          200: { description: 'Events, until you leave', content: { 'text/event-stream': { schema: z.string() } } },
          ...errors(401, 403, 422, 429),
        },
      },
    },
    async (request, reply) => {
      const userId = auth.userOf(request);
      const thing = await auth.robotOf(request, request.query.thing);
      const stream = events({
        db,
        notifier,
        thing,
        since: snapshotFrom(request.headers['last-event-id']),
        // Who is no user any more is no member either.
        allowed: async () => (await robotsOf(db, userId)).includes(thing),
        signal: openFor(userId, auth.expiresMs(request), reply.raw),
        ...(heartbeatMs !== undefined && { heartbeatMs }),
      });
      // nginx would keep it back until its buffer is full; and a connection that stays after its stream would hold up a stop.
      reply.headers({ 'x-accel-buffering': 'no', connection: 'close' }).type('text/event-stream; charset=utf-8');
      const body: unknown = Readable.from(stream, { objectMode: false, highWaterMark: WAITING_BYTES });
      // By its schema it is text, piece by piece.
      return reply.send(body as string);
    },
  );
}
