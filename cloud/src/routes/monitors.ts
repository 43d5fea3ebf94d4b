// GET and POST /health and /safety: inherited (docs/reference/protocol.md). They read the latest row of the two inherited tables, which
// the robot's telemetry fills too. A table beside each names the robot of a row; a row without a robot counts for the default robot.
import { z } from 'zod';
import type { Param, Sql } from '../database/index.ts';
import { component, errors, TAGS, USER } from '../http/index.ts';
import { type MonitorTable, SAFETY_CHANNELS } from '../robots/index.ts';
import type { Context } from './context.ts';
import { printable, thingParameter } from './parameters.ts';
import { knownRobot, onlyRobot } from './telemetry.ts';

/** The columns are timestamps without a zone, written in UTC. */
const CREATED_AT = `to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at`;

const health = component(
  'HealthReport',
  z.object({
    power: z.number().int().min(0).max(100).describe('Percent of the battery'),
    temperature: z.number().min(-40).max(150).describe('Degrees Celsius'),
  }),
);
const word = printable(0, 20);
const safety = component(
  'SafetyReport',
  z.object({
    gas: word.default('Normal'),
    fire: word.default('None'),
    fall: word.default('None'),
    stranger: word.default('None'),
  }),
);
const stored = { created_at: z.iso.datetime().optional().describe('UTC; not there before the first') };
const updated = { status: z.literal('updated') };

const SAFETY = SAFETY_CHANNELS.join(', ');
const UNKNOWN = { gas: 'Unknown', fire: 'Unknown', fall: 'Unknown', stranger: 'Unknown' };

/** What the robot says itself may be outside of what a caller may say. */
const healthRead = component('Health', z.object({ power: z.number().int(), temperature: z.number(), ...stored }));
const safetyRead = component('Safety', z.object({ gas: z.string(), fire: z.string(), fall: z.string(), stranger: z.string(), ...stored }));
const healthUpdated = component('HealthUpdated', z.object({ ...updated, ...health.shape }));
const safetyUpdated = component('SafetyUpdated', z.object({ ...updated, ...safetyRead.omit({ created_at: true }).shape }));

const querystring = z.object({ thing: thingParameter.optional().describe('The robot; default: the only one, or that of DEFAULT_THING') });

/** @param defaultThing whose rows are meant where none is named; null: the only robot's. */
export function monitorRoutes({ app, db, auth }: Context, defaultThing: string | null): void {
  const open = { onRequest: auth.user };
  const latest = <Row>(table: MonitorTable, columns: string, named: string | undefined): Promise<Row | undefined> =>
    latestRow<Row>(db, table, columns, named, defaultThing);

  app.get(
    '/health',
    {
      ...open,
      schema: {
        operationId: 'readHealth',
        tags: [TAGS.inherited.name],
        summary: 'The latest battery and temperature',
        security: USER,
        querystring,
        response: { 200: healthRead, ...errors(401, 404, 422) },
      },
    },
    async ({ query }) =>
      (await latest<z.infer<typeof healthRead>>('system_health', 'power, temperature', query.thing)) ?? { power: 0, temperature: 0 },
  );

  app.post(
    '/health',
    {
      ...open,
      schema: {
        operationId: 'reportHealth',
        tags: [TAGS.inherited.name],
        summary: 'Report battery and temperature',
        security: USER,
        querystring,
        body: health,
        response: { 200: healthUpdated, ...errors(401, 404, 413, 415, 422) },
      },
    },
    async ({ body: { power, temperature }, query }) => {
      const thing = await meant(db, query.thing, defaultThing);
      await add(db, 'system_health', 'power, temperature', [power, temperature], thing);
      return { status: 'updated' as const, power, temperature };
    },
  );

  app.get(
    '/safety',
    {
      ...open,
      schema: {
        operationId: 'readSafety',
        tags: [TAGS.inherited.name],
        summary: 'The latest of gas, fire, fall, stranger',
        security: USER,
        querystring,
        response: { 200: safetyRead, ...errors(401, 404, 422) },
      },
    },
    async ({ query }) => (await latest<z.infer<typeof safetyRead>>('safety_monitor', SAFETY, query.thing)) ?? UNKNOWN,
  );

  app.post(
    '/safety',
    {
      ...open,
      schema: {
        operationId: 'reportSafety',
        tags: [TAGS.inherited.name],
        summary: 'Report gas, fire, fall, stranger',
        security: USER,
        querystring,
        body: safety,
        response: { 200: safetyUpdated, ...errors(401, 404, 413, 415, 422) },
      },
    },
    async ({ body, query }) => {
      const thing = await meant(db, query.thing, defaultThing);
      const words = SAFETY_CHANNELS.map((channel) => body[channel]);
      await add(db, 'safety_monitor', SAFETY, words, thing);
      return { status: 'updated' as const, ...body };
    },
  );
}

/** Null where there are several robots and none is named. @throws HttpError 404 where the one that is named has not spoken. */
async function meant(sql: Sql, named: string | undefined, defaultThing: string | null): Promise<string | null> {
  if (named === undefined) return defaultThing ?? (await onlyRobot(sql));
  await knownRobot(sql, named);
  return named;
}

async function latestRow<Row>(
  sql: Sql,
  table: MonitorTable,
  columns: string,
  named: string | undefined,
  defaultThing: string | null,
): Promise<Row | undefined> {
  const thing = await meant(sql, named, defaultThing);
  const unnamed = named === undefined ? 'or o.thing is null' : '';
  const [row] = await sql.query<Row>(
    `select ${columns}, ${CREATED_AT} from ${table} left join ${table}_of o using (id)
    where $1::text is null or o.thing = $1 ${unnamed} order by id desc limit 1`,
    [thing],
  );
  return row;
}

async function add(sql: Sql, table: MonitorTable, columns: string, values: readonly Param[], thing: string | null): Promise<void> {
  const places = values.map((_, i) => `$${i + 2}`).join(', ');
  await sql.query(
    `with added as (insert into ${table} (${columns}) values (${places}) returning id)
    insert into ${table}_of (id, thing) select id, $1 from added where $1::text is not null
    on conflict (id) do update set thing = excluded.thing`,
    [thing, ...values] as Param[],
  );
}
