// POST /commands and GET /commands/{id}, for members.
import { z } from 'zod';
import { commandName } from '../../../src/wire/index.ts';
import type { AttemptLimits } from '../auth/index.ts';
import { argument, type Commands, commandId, commandState, issuedCommand, type SignedFields } from '../commands/index.ts';
import { component, errors, HttpError } from '../http/index.ts';
import { type Context, forUsers, thingParameter } from './context.ts';

/** More than an assertion of WebAuthn needs. The whole command has at most 8 KiB. */
const MAX_SIGNATURE_CHARACTERS = 6_000;

/** An old command must not move the robot, so a command expires after an hour at the latest. */
const MAX_TTL_S = 3_600;
const DEFAULT_TTL_S = 30;

const time = z.number().int();

const commandKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, 'expected 1 to 128 printable characters without spaces')
  .describe('A name of your choice for this command. A repeated request with the same key sends nothing and gets the id of the first');

const commandRequest = component(
  'CommandRequest',
  z.object({
    thing: thingParameter.optional().describe('The robot; optional for a member of only one robot'),
    command: commandName.describe('A command that the robot has announced: GET /robots'),
    value: argument.optional().describe('The argument named value, if the command has one'),
    args: z.record(z.string(), argument).optional().describe('The announced arguments by name'),
    ttl_s: z.number().int().min(1).max(MAX_TTL_S).default(DEFAULT_TTL_S).describe('Seconds until the command expires'),
    id: commandId.optional().describe('Only with sig: the id that the device signed'),
    issued_at: time.optional().describe('Only with sig: the time that the device signed, in milliseconds since the Unix epoch'),
    expires_at: time.optional().describe('Only with sig: the expiry that the device signed'),
    sig: z
      .union([z.string().max(MAX_SIGNATURE_CHARACTERS), z.record(z.string(), z.unknown())])
      .optional()
      .describe('The signature of a device that is paired with the robot; only the robot reads it (protocol.md, signed commands)'),
  }),
);

const accepted = component('CommandAccepted', issuedCommand);
const command = component('Command', commandState);

export function commandRoutes({ app, auth }: Context, commands: Commands, attempts: AttemptLimits): void {
  app.post(
    '/commands',
    forUsers(auth, 'commands', {
      operationId: 'giveCommand',
      summary: 'Send a command to a robot',
      description:
        'The cloud checks the command against the announced commands. GET /commands/{id} and the stream report the result. A command that the robot announced with signed: required needs sig, id, issued_at and expires_at, as they were signed.',
      headers: z.object({ 'idempotency-key': commandKey.optional() }),
      body: commandRequest,
      response: { 202: accepted, ...errors(401, 403, 409, 413, 415, 422, 429) },
    }),
    async (request, reply) => {
      const { thing: named, ttl_s: ttlS, command: name, value, args, ...given } = request.body;
      const thing = await auth.robotOf(request, named);
      const [userId, key] = [auth.userOf(request), request.headers['idempotency-key']];
      const order = { thing, command: name, value, args, ttlS, signed: signedFields(given), userId, key };
      const earlier = await commands.earlier(order);
      if (!earlier) await attempts.countCommand(name, userId, thing);
      return reply.code(202).send(earlier ?? (await commands.issue(order)));
    },
  );

  app.get(
    '/commands/:id',
    forUsers(auth, 'commands', {
      operationId: 'readCommand',
      summary: 'Status and result of a command',
      params: z.object({ id: commandId }),
      response: { 200: command, ...errors(401, 404, 422) },
    }),
    async (request) => {
      const found = await commands.read(request.params.id);
      // The answer is not 403, so that a stranger cannot find out which commands exist.
      const thing = found && (await auth.robotOf(request, found.thing).catch(() => null));
      if (!found || !thing) throw new HttpError(404, `you have no command ${request.params.id}`);
      return found;
    },
  );
}

/** @throws HttpError 422 if some of the fields are missing. */
function signedFields({
  id,
  issued_at,
  expires_at,
  sig,
}: { [Name in keyof SignedFields]?: SignedFields[Name] | undefined }): SignedFields | undefined {
  if (sig !== undefined && id !== undefined && issued_at !== undefined && expires_at !== undefined)
    return { id, issued_at, expires_at, sig };
  if (sig === undefined && id === undefined && issued_at === undefined && expires_at === undefined) return undefined;
  throw new HttpError(422, 'sig: a signed command has all of id, issued_at, expires_at and sig; an unsigned one has none of them');
}
