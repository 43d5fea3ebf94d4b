// POST /commands and GET /commands/{id}, for members.
import { z } from 'zod';
import { COMMAND_ID_PATTERN, commandName, RESULT_REASONS, RESULT_STATUSES } from '../../../src/wire/index.ts';
import type { Command, Commands } from '../commands/index.ts';
import { component, errors, HttpError, TAGS, USER } from '../http/index.ts';
import type { Context } from './context.ts';
import { thingParameter } from './parameters.ts';

/** A command is for now: what was meant for the robot an hour ago must not move it. */
const MAX_TTL_S = 3_600;
const DEFAULT_TTL_S = 30;

const argument = z.union([z.boolean(), z.number(), z.string()]);
const time = z.number().int();
const commandId = z.string().regex(COMMAND_ID_PATTERN);

const wish = component(
  'CommandRequest',
  z.object({
    thing: thingParameter.optional().describe('The robot; may be left out by who has only one'),
    command: commandName.describe('One that the robot has announced: GET /robots'),
    value: argument.optional().describe('The argument of a command that has one, called value'),
    args: z.record(z.string(), argument).optional().describe('Arguments by name, as announced'),
    ttl_s: z.number().int().min(1).max(MAX_TTL_S).default(DEFAULT_TTL_S).describe('Not run later than so many seconds from now'),
  }),
);

const given = component(
  'CommandAccepted',
  z.object({
    id: commandId,
    expires_at: time,
    online: z.boolean().describe('Whether the robot was there by its presence'),
  }),
);

const command = component(
  'Command',
  z.object({
    id: commandId,
    thing: z.string(),
    command: z.string(),
    args: z.record(z.string(), argument),
    issued_by: time.nullable(),
    issued_at: time,
    expires_at: time,
    status: z
      .enum(['pending', 'not_sent', 'unanswered', ...RESULT_STATUSES])
      .describe("The result's, once there is one; unanswered may still be answered by a robot without a link"),
    result: z
      .object({
        status: z.enum(RESULT_STATUSES),
        reason: z.enum(RESULT_REASONS).nullable(),
        detail: z.string().nullable(),
        applied: z.unknown().describe('What was published, after clamping'),
        at: time.describe('By the clock of the robot'),
      })
      .nullable(),
  }),
);

export function commandRoutes({ app, auth }: Context, commands: Commands): void {
  app.post(
    '/commands',
    {
      onRequest: auth.user,
      schema: {
        operationId: 'giveCommand',
        tags: [TAGS.commands.name],
        summary: 'Have a robot do something',
        description: 'Checked against what the robot has announced. What became of it: GET /commands/{id}, and the stream.',
        security: USER,
        body: wish,
        response: { 202: given, ...errors(401, 403, 409, 413, 415, 422) },
      },
    },
    async (request, reply) => {
      const { thing: named, command: name, value, args, ttl_s: ttlS } = request.body;
      const thing = await auth.robotOf(request, named);
      return reply.code(202).send(await commands.issue({ thing, command: name, value, args, ttlS, userId: auth.userOf(request) }));
    },
  );

  app.get(
    '/commands/:id',
    {
      onRequest: auth.user,
      schema: {
        operationId: 'readCommand',
        tags: [TAGS.commands.name],
        summary: 'What became of a command',
        security: USER,
        params: z.object({ id: commandId }),
        response: { 200: command, ...errors(401, 404, 422) },
      },
    },
    async (request) => {
      const found = await commands.read(request.params.id);
      // Not 403: a stranger does not learn which commands there are.
      const thing = found && (await auth.robotOf(request, found.thing).catch(() => null));
      if (!found || !thing) throw new HttpError(404, `there is no command ${request.params.id} of yours`);
      return plain(found);
    },
  );
}

function plain({ args, ...found }: Command): z.infer<typeof command> {
  return { ...found, args: { ...args } };
}
