// GET /robots and /robots/{thing}/accounting, for members: the robots' presence, and the number of rows in each state.
import { z } from 'zod';
import { announcedCommand, power } from '../../../src/wire/index.ts';
import { component, errors } from '../http/index.ts';
import { readAccounts } from '../receipts/index.ts';
import { type Context, forUsers, thingParameter } from './context.ts';

const robot = component(
  'Robot',
  z.object({
    thing: z.string(),
    online: z.boolean().describe('According to its presence. A robot that is silent for too long raises an alert'),
    reason: z.string().nullable().describe('The reason that the robot gave for being offline'),
    presence_at: z.number().int().nullable(),
    last_heard_at: z.number().int().nullable().describe("Time by the cloud's clock"),
    power: component('Power', power)
      .nullable()
      .describe('The last reported battery level in percent, with its time and whether it is low for this robot'),
    storage: z.enum(['failed']).nullable().describe('failed: the robot cannot write to its disk'),
    version: z.string().nullable(),
    commands: z.array(component('AnnouncedCommand', announcedCommand)),
  }),
);
const count = z.number().int();
const account = component(
  'OutboxAccount',
  z.object({ outbox: z.string(), accepted: count, committed: count, evicted: count, outstanding: count }),
);

const robots = component('Robots', z.object({ robots: z.array(robot) }));
const accounting = component('Accounting', z.object({ thing: z.string(), outboxes: z.array(account) }));

export function robotRoutes({ app, db, auth }: Context): void {
  app.get(
    '/robots',
    forUsers(auth, 'robots', { operationId: 'listRobots', summary: 'Your robots', response: { 200: robots, ...errors(401) } }),
    async (request) => {
      const found = await db.query<z.infer<typeof robot>>(
        `select m.thing, coalesce(r.online, false) as online, r.reason, r.presence_at, r.power, r.storage,
          (extract(epoch from r.last_heard_at) * 1000)::bigint as last_heard_at, r.version, coalesce(r.commands, '[]') as commands
        from members m left join robots r using (thing) where m.user_id = $1 order by m.thing`,
        [auth.userOf(request)],
      );
      return { robots: found };
    },
  );

  app.get(
    '/robots/:thing/accounting',
    forUsers(auth, 'robots', {
      operationId: 'readAccounting',
      summary: 'The number of accepted, committed, evicted and outstanding rows of each outbox',
      params: z.object({ thing: thingParameter }),
      response: { 200: accounting, ...errors(401, 403, 422) },
    }),
    async (request) => {
      const thing = await auth.robotOf(request, request.params.thing);
      return { thing, outboxes: await readAccounts(db, thing) };
    },
  );
}
