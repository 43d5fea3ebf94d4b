// GET /telemetry: given. The latest flat state of the six given channels and nothing else, for everybody unless PUBLIC_TELEMETRY=false.
import { z } from 'zod';
import { readingValue } from '../../../src/wire/index.ts';
import type { Sql } from '../database/database.ts';
import { errors, HttpError } from '../http/errors.ts';
import { USER } from '../http/openapi.ts';
import { GIVEN_CHANNELS, givenChannels, type StateValues } from '../state.ts';
import type { Context } from './context.ts';
import { thingParameter } from './parameters.ts';

const state = z.object(Object.fromEntries(GIVEN_CHANNELS.map((channel) => [channel, readingValue.optional()])));

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
        summary: 'The latest state of a robot',
        ...(publicTelemetry ? {} : { security: USER }),
        querystring: z.object({ thing: thingParameter.optional() }),
        response: { 200: state, ...errors(...(publicTelemetry ? [] : [401]), 404, 422) },
      },
    },
    async ({ query }) => givenChannels(await latestState(db, query.thing ?? defaultThing)),
  );
}

async function latestState(sql: Sql, thing: string | null): Promise<StateValues> {
  const rows = await sql.query<{ state: StateValues }>('select state from robots where $1::text is null or thing = $1 limit 2', [thing]);
  if (rows.length > 1) throw new HttpError(422, 'thing: there are several robots; say which with ?thing=');
  if (rows.length === 0 && thing !== null) throw new HttpError(404, `no robot ${thing} has spoken yet`);
  return rows[0]?.state ?? {};
}
