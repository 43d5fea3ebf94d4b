// GET /telemetry: inherited (docs/reference/protocol.md). The latest flat state of the six inherited channels and nothing else, for everybody
// unless PUBLIC_TELEMETRY=false.
import { z } from 'zod';
import { readingValue } from '../../../src/wire/index.ts';
import type { Sql } from '../database/index.ts';
import { component, errors, HttpError, OPEN, TAGS, USER } from '../http/index.ts';
import { INHERITED_CHANNELS, inheritedChannels, type StateValues } from '../robots/index.ts';
import type { Context } from './context.ts';
import { thingParameter } from './parameters.ts';

const state = component('Telemetry', z.object(Object.fromEntries(INHERITED_CHANNELS.map((channel) => [channel, readingValue.optional()]))));

export interface TelemetryOptions {
  readonly publicTelemetry: boolean;
  /** Whose state is meant where none is named; null: the only robot's. */
  readonly defaultThing: string | null;
}

export function telemetryRoutes({ app, db, auth }: Context, { publicTelemetry, defaultThing }: TelemetryOptions): void {
  app.get(
    '/telemetry',
    {
      ...(publicTelemetry ? {} : { onRequest: auth.user }),
      schema: {
        operationId: 'readTelemetry',
        tags: [TAGS.inherited.name],
        summary: 'The latest state of a robot',
        security: publicTelemetry ? OPEN : USER,
        querystring: z.object({ thing: thingParameter.optional() }),
        response: { 200: state, ...errors(...(publicTelemetry ? [] : [401]), 404, 422) },
      },
    },
    async ({ query }) => inheritedChannels(await latestState(db, query.thing ?? defaultThing)),
  );
}

async function latestState(sql: Sql, thing: string | null): Promise<StateValues> {
  const rows = await sql.query<{ state: StateValues }>('select state from robots where $1::text is null or thing = $1 limit 2', [thing]);
  if (rows.length > 1) throw new HttpError(422, 'thing: there are several robots; say which with ?thing=');
  if (rows.length === 0 && thing !== null) throw notHeard(thing);
  return rows[0]?.state ?? {};
}

/** Null where there is none, or several. */
export async function onlyRobot(sql: Sql): Promise<string | null> {
  const [only, another] = await sql.query<{ thing: string }>('select thing from robots limit 2');
  return only && !another ? only.thing : null;
}

/** @throws HttpError 404. */
export async function knownRobot(sql: Sql, thing: string): Promise<void> {
  const rows = await sql.query('select 1 from robots where thing = $1', [thing]);
  if (rows.length === 0) throw notHeard(thing);
}

function notHeard(thing: string): HttpError {
  return new HttpError(404, `no robot ${thing} has spoken yet`);
}
