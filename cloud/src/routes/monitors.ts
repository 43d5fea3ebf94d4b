// GET and POST /health and /safety: given. The latest row of two given tables, which the robot's telemetry fills too.
import { z } from 'zod';
import { errors } from '../http/errors.ts';
import { USER } from '../http/openapi.ts';
import { SAFETY_CHANNELS } from '../monitors.ts';
import type { Context } from './context.ts';
import { printable } from './parameters.ts';

/** The columns are timestamps without a zone, written in UTC. */
const CREATED_AT = `to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at`;

const health = z.object({
  power: z.number().int().min(0).max(100).describe('Percent of the battery'),
  temperature: z.number().min(-40).max(150).describe('Degrees Celsius'),
});
const word = printable(0, 20);
const safety = z.object({
  gas: word.default('Normal'),
  fire: word.default('None'),
  fall: word.default('None'),
  stranger: word.default('None'),
});
const stored = { created_at: z.iso.datetime().optional().describe('UTC; not there before the first') };
const updated = { status: z.literal('updated') };

/** What the robot says itself may be outside of what a caller may say. */
const healthRead = z.object({ power: z.number().int(), temperature: z.number(), ...stored });
const safetyRead = z.object({ gas: z.string(), fire: z.string(), fall: z.string(), stranger: z.string(), ...stored });

export function monitorRoutes({ app, db, auth }: Context): void {
  const open = { onRequest: auth.user };

  app.get(
    '/health',
    { ...open, schema: { summary: 'The latest battery and temperature', security: USER, response: { 200: healthRead, ...errors(401) } } },
    async () => {
      const [row] = await db.query<z.infer<typeof healthRead>>(
        `select power, temperature, ${CREATED_AT} from system_health order by id desc limit 1`,
      );
      return row ?? { power: 0, temperature: 0 };
    },
  );

  app.post(
    '/health',
    {
      ...open,
      schema: {
        summary: 'Report battery and temperature',
        security: USER,
        body: health,
        response: { 200: z.object({ ...updated, ...health.shape }), ...errors(401, 413, 415, 422) },
      },
    },
    async ({ body: { power, temperature } }) => {
      await db.query('insert into system_health (power, temperature) values ($1, $2)', [power, temperature]);
      return { status: 'updated' as const, power, temperature };
    },
  );

  app.get(
    '/safety',
    {
      ...open,
      schema: { summary: 'The latest of gas, fire, fall, stranger', security: USER, response: { 200: safetyRead, ...errors(401) } },
    },
    async () => {
      const [row] = await db.query<z.infer<typeof safetyRead>>(
        `select gas, fire, fall, stranger, ${CREATED_AT} from safety_monitor order by id desc limit 1`,
      );
      return row ?? { gas: 'Unknown', fire: 'Unknown', fall: 'Unknown', stranger: 'Unknown' };
    },
  );

  app.post(
    '/safety',
    {
      ...open,
      schema: {
        summary: 'Report gas, fire, fall, stranger',
        security: USER,
        body: safety,
        response: { 200: z.object({ ...updated, ...safetyRead.omit({ created_at: true }).shape }), ...errors(401, 413, 415, 422) },
      },
    },
    async ({ body }) => {
      await db.query(
        'insert into safety_monitor (gas, fire, fall, stranger) values ($1, $2, $3, $4)',
        SAFETY_CHANNELS.map((channel) => body[channel]),
      );
      return { status: 'updated' as const, ...body };
    },
  );
}
