// GET /robots and /robots/{thing}/accounting, for members: whether a robot is there, and what became of every row it ever made.
import { z } from 'zod';
import { announcedCommand, power } from '../../../src/wire/index.ts';
import { errors, USER } from '../http/index.ts';
import { readAccounts } from '../receipts/index.ts';
import type { Context } from './context.ts';
import { thingPath } from './parameters.ts';

const robot = z.object({
  thing: z.string(),
  online: z.boolean().describe('By its presence; a robot that is silent for too long is an alert'),
  reason: z.string().nullable().describe('Why it is not there, where it said so'),
  presence_at: z.number().int().nullable(),
  last_heard_at: z.number().int().nullable().describe('By the clock of the cloud'),
  power: power
    .nullable()
    .describe('Its battery in percent, whether that is low for it, and when, as it last said, or its last will for it'),
  version: z.string().nullable(),
  commands: z.array(announcedCommand),
});
const count = z.number().int();
const account = z.object({ outbox: z.string(), accepted: count, committed: count, evicted: count, outstanding: count });

export function robotRoutes({ app, db, auth }: Context): void {
  app.get(
    '/robots',
    {
      onRequest: auth.user,
      schema: { summary: 'Your robots', security: USER, response: { 200: z.object({ robots: z.array(robot) }), ...errors(401) } },
    },
    async (request) => {
      const robots = await db.query<z.infer<typeof robot>>(
        `select m.thing, coalesce(r.online, false) as online, r.reason, r.presence_at, r.power,
          (extract(epoch from r.last_heard_at) * 1000)::bigint as last_heard_at, r.version, coalesce(r.commands, '[]') as commands
        from members m left join robots r using (thing) where m.user_id = $1 order by m.thing`,
        [auth.userOf(request)],
      );
      return { robots };
    },
  );

  app.get(
    '/robots/:thing/accounting',
    {
      onRequest: auth.user,
      schema: {
        summary: 'Every row a robot ever made: committed, evicted or outstanding',
        security: USER,
        params: thingPath,
        response: { 200: z.object({ thing: z.string(), outboxes: z.array(account) }), ...errors(401, 403, 422) },
      },
    },
    async (request) => {
      const thing = await auth.robotOf(request, request.params.thing);
      return { thing, outboxes: await readAccounts(db, thing) };
    },
  );
}
