// The inherited routes of a robot's state (docs/reference/protocol.md): GET /telemetry, GET and POST /health and /safety. /health and
// /safety read the latest row of the two inherited tables, which the robot's telemetry fills too. A second table names the robot of a row.
// A row without a robot counts for the default robot.
import { z } from 'zod';
import { readingValue } from '../../../src/wire/index.ts';
import type { Param, Sql } from '../database/index.ts';
import { component, errors, HttpError, OPEN, TAGS, USER } from '../http/index.ts';
import {
  INHERITED_CHANNELS,
  inheritedChannels,
  MONITOR_COLUMNS,
  type MonitorTable,
  newestUnnamed,
  SAFETY_CHANNELS,
  type StateValues,
} from '../robots/index.ts';
import { type Context, forUsers, printable, thingParameter } from './context.ts';

/** In both tables, `created_at` is a timestamp without a time zone, written in UTC. */
const CREATED_AT = `to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at`;
const UNKNOWN = {
  system_health: { power: 0, temperature: 0 },
  safety_monitor: { gas: 'Unknown', fire: 'Unknown', fall: 'Unknown', stranger: 'Unknown' },
} as const;

const telemetry = component(
  'Telemetry',
  z.object(Object.fromEntries(INHERITED_CHANNELS.map((channel) => [channel, readingValue.optional()]))),
);
const health = component(
  'HealthReport',
  z.object({
    power: z.number().int().min(0).max(100).describe('Battery level in percent'),
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
const stored = { created_at: z.iso.datetime().optional().describe('UTC; missing before the first report') };
const updated = { status: z.literal('updated') };
/** Answers have no value limits, because a robot's own values may exceed the limits for callers. */
const healthRead = component('Health', z.object({ power: z.number().int(), temperature: z.number(), ...stored }));
const safetyRead = component('Safety', z.object({ gas: z.string(), fire: z.string(), fall: z.string(), stranger: z.string(), ...stored }));
const healthUpdated = component('HealthUpdated', z.object({ ...updated, ...health.shape }));
const safetyUpdated = component('SafetyUpdated', z.object({ ...updated, ...safetyRead.omit({ created_at: true }).shape }));

const querystring = z.object({ thing: thingParameter.optional().describe('The robot; default: the only robot, or DEFAULT_THING') });

export interface InheritedOptions {
  /** If true, GET /telemetry needs no token. */
  readonly publicTelemetry: boolean;
  /** The robot for a request that names no robot. Null means the only robot of this cloud. */
  readonly defaultThing: string | null;
}

export function inheritedRoutes({ app, db, auth }: Context, { publicTelemetry, defaultThing }: InheritedOptions): void {
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
        response: { 200: telemetry, ...errors(...(publicTelemetry ? [] : [401]), 404, 422) },
      },
    },
    async ({ query }) => inheritedChannels(await latestState(db, query.thing ?? defaultThing)),
  );

  app.get(
    '/health',
    forUsers(auth, 'inherited', {
      operationId: 'readHealth',
      summary: 'The latest battery level and temperature',
      querystring,
      response: { 200: healthRead, ...errors(401, 404, 422) },
    }),
    async ({ query }): Promise<z.infer<typeof healthRead>> => {
      const row = await latestRow<z.infer<typeof healthRead>>(db, 'system_health', query.thing, defaultThing);
      return { ...UNKNOWN.system_health, ...row };
    },
  );

  app.post(
    '/health',
    forUsers(auth, 'inherited', {
      operationId: 'reportHealth',
      summary: 'Report battery level and temperature',
      querystring,
      body: health,
      response: { 200: healthUpdated, ...errors(401, 404, 413, 415, 422) },
    }),
    async ({ body: { power, temperature }, query }) => {
      await addRow(db, 'system_health', [power, temperature], await reportedRobot(db, query.thing, defaultThing));
      return { status: 'updated' as const, power, temperature };
    },
  );

  app.get(
    '/safety',
    forUsers(auth, 'inherited', {
      operationId: 'readSafety',
      summary: 'The latest state of gas, fire, fall and stranger',
      querystring,
      response: { 200: safetyRead, ...errors(401, 404, 422) },
    }),
    async ({ query }): Promise<z.infer<typeof safetyRead>> => {
      const row = await latestRow<z.infer<typeof safetyRead>>(db, 'safety_monitor', query.thing, defaultThing);
      return { ...UNKNOWN.safety_monitor, ...row };
    },
  );

  app.post(
    '/safety',
    forUsers(auth, 'inherited', {
      operationId: 'reportSafety',
      summary: 'Report the state of gas, fire, fall and stranger',
      querystring,
      body: safety,
      response: { 200: safetyUpdated, ...errors(401, 404, 413, 415, 422) },
    }),
    async ({ body, query }) => {
      const words = SAFETY_CHANNELS.map((channel) => body[channel]);
      await addRow(db, 'safety_monitor', words, await reportedRobot(db, query.thing, defaultThing));
      return { status: 'updated' as const, ...body };
    },
  );
}

/** The named robot, else up to two robots, so that several can be told from one. */
const CANDIDATES = 'from robots where case when $1::text is null then owns_prefix else thing = $1 end limit 2';

async function latestState(sql: Sql, thing: string | null): Promise<StateValues> {
  const rows = await sql.query<{ state: StateValues }>(`select state ${CANDIDATES}`, [thing]);
  if (rows.length > 1) throw severalRobots();
  if (rows.length === 0 && thing !== null) throw unknownRobot(thing);
  return rows[0]?.state ?? {};
}

/** @returns the named robot, else the default robot, else one or two of all robots. @throws HttpError 404 if a named robot is unknown. */
async function robotsOf(sql: Sql, named: string | undefined, defaultThing: string | null): Promise<readonly string[]> {
  if (named === undefined && defaultThing !== null) return [defaultThing];
  const rows = await sql.query<{ thing: string }>(`select thing ${CANDIDATES}`, [named ?? null]);
  if (named !== undefined && rows.length === 0) throw unknownRobot(named);
  return rows.map(({ thing }) => thing);
}

/** The robot of a reported row: null if there are several, or none. @throws HttpError 404 */
async function reportedRobot(sql: Sql, named: string | undefined, defaultThing: string | null): Promise<string | null> {
  const [only, another] = await robotsOf(sql, named, defaultThing);
  return another === undefined ? (only ?? null) : null;
}

function severalRobots(): HttpError {
  return new HttpError(422, 'thing: there are several robots; name one with ?thing=');
}

function unknownRobot(thing: string): HttpError {
  return new HttpError(404, `the cloud has received nothing from a robot ${thing} yet`);
}

/**
 * @returns the latest row of a robot, without columns that another program left empty. If no robot is named, it may also be a row that was
 *   reported without one.
 * @throws HttpError 404, or 422 if there are several robots: it might be another family's.
 */
async function latestRow<Row extends object>(
  sql: Sql,
  table: MonitorTable,
  named: string | undefined,
  defaultThing: string | null,
): Promise<Partial<Row>> {
  const [thing = null, another] = await robotsOf(sql, named, defaultThing);
  if (another !== undefined) throw severalRobots();
  const own = `(select t.id from ${table}_of o join ${table} t on t.id = o.id where o.thing = $1 order by o.id desc limit 1)`;
  const [row] = await sql.query<Row>(
    `select ${MONITOR_COLUMNS[table]}, ${CREATED_AT} from ${table} where id = ${named === undefined ? `greatest(${own}, ${newestUnnamed(table)})` : own}`,
    [thing],
  );
  return Object.fromEntries(Object.entries(row ?? {}).filter(([, value]) => value !== null)) as Partial<Row>;
}

async function addRow(sql: Sql, table: MonitorTable, values: readonly Param[], thing: string | null): Promise<void> {
  const places = values.map((_, i) => `$${i + 2}`).join(', ');
  await sql.query(
    `with added as (insert into ${table} (${MONITOR_COLUMNS[table]}) values (${places}) returning id)
    insert into ${table}_of (id, thing) select id, $1 from added where $1::text is not null
    on conflict (id) do update set thing = excluded.thing`,
    [thing, ...values] as Param[],
  );
}
