// GET /robots and /robots/{thing}/accounting, for members: whether a robot is there, and what became of every row it ever made.
import { z } from 'zod';
import { announcedCommand, power } from '../../../src/wire/index.ts';
import { component, errors, TAGS, USER } from '../http/index.ts';
import { readAccounts } from '../receipts/index.ts';
import type { Context } from './context.ts';
import { thingPath } from './parameters.ts';

const robot = component(
  'Robot',
  z.object({
    thing: z.string(),
    online: z.boolean().describe('By its presence; a robot that is silent for too long is an alert'),
    reason: z.string().nullable().describe('Why it is not there, where it said so'),
    presence_at: z.number().int().nullable(),
    last_heard_at: z.number().int().nullable().describe('By the clock of the cloud'),
    power: component('Power', power)
      .nullable()
      .describe('Its battery in percent, whether that is low for it, and when, as it last said, or its last will for it'),
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
    {
      onRequest: auth.user,
      schema: {
        operationId: 'listRobots',
        tags: [TAGS.robots.name],
        summary: 'Your robots',
        security: USER,
        response: { 200: robots, ...errors(401) },
      },
    },
    async (request) => {
      const found = await db.query<z.infer<typeof robot>>(
        `select m.thing, coalesce(r.online, false) as online, r.reason, r.presence_at, r.power,
          (extract(epoch from r.last_heard_at) * 1000)::bigint as last_heard_at, r.version, coalesce(r.commands, '[]') as commands
        from members m left join robots r using (thing) where m.user_id = $1 order by m.thing`,
        [auth.userOf(request)],
      );
      return { robots: found };
    },
  );

  app.get(
    '/robots/:thing/accounting',
    {
      onRequest: auth.user,
      schema: {
        operationId: 'readAccounting',
        tags: [TAGS.robots.name],
        summary: 'Every row a robot ever made: committed, evicted or outstanding',
        security: USER,
        params: thingPath,
        response: { 200: accounting, ...errors(401, 403, 422) },
      },
    },
    async (request) => {
      const thing = await auth.robotOf(request, request.params.thing);
      return { thing, outboxes: await readAccounts(db, thing) };
    },
  );
}
