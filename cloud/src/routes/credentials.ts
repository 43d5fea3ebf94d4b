// POST /auth/register and /auth/login: inherited routes (docs/reference/protocol.md) without a token. An unknown phone and a wrong password
// get the same answer in the same time.
import { z } from 'zod';
import type { AttemptLimits, Passwords, Tokens } from '../auth/index.ts';
import { addUser, findUser, MAX_PASSWORD_BYTES } from '../auth/index.ts';
import { component, errors, HttpError, OPEN, TAGS } from '../http/index.ts';
import { type Context, printable } from './context.ts';

const credentials = component(
  'Credentials',
  z.object({
    phone: printable(8, 15),
    password: printable(6, MAX_PASSWORD_BYTES).refine(
      (password) => Buffer.byteLength(password) <= MAX_PASSWORD_BYTES,
      `expected at most ${MAX_PASSWORD_BYTES} bytes`,
    ),
  }),
);

const tokenFields = { access_token: z.string(), token_type: z.literal('bearer') };
const token = component('Token', z.object(tokenFields));
const registered = component('Registered', z.object({ message: z.string(), ...tokenFields }));

export interface CredentialOptions {
  readonly tokens: Tokens;
  readonly passwords: Passwords;
  readonly attempts: AttemptLimits;
}

export function credentialRoutes({ app, db }: Context, { tokens, passwords, attempts }: CredentialOptions): void {
  app.post(
    '/auth/register',
    {
      schema: {
        operationId: 'register',
        tags: [TAGS.inherited.name],
        summary: 'Register with a phone number and a password',
        security: OPEN,
        description: "Gives access to the inherited routes. Pictures, alerts and commands need an invitation by the robot's family.",
        body: credentials,
        response: { 200: registered, ...errors(400, 413, 415, 422, 429) },
      },
    },
    async (request) => {
      const { phone, password } = request.body;
      passwords.admit();
      await attempts.count('register', { phone, address: request.ip });
      const userId = await addUser(db, phone, await passwords.hash(password));
      if (userId === null) throw new HttpError(400, 'this phone is already registered');
      return { message: 'registered', access_token: await tokens.issue(userId), token_type: 'bearer' as const };
    },
  );

  app.post(
    '/auth/login',
    {
      schema: {
        operationId: 'login',
        tags: [TAGS.inherited.name],
        summary: 'Get a token for 7 days',
        description:
          'An app should send its previous token in Authorization, even an expired one. Attempts of strangers then cannot delay this login.',
        security: OPEN,
        body: credentials,
        response: { 200: token, ...errors(401, 413, 415, 422, 429) },
      },
    },
    async (request) => {
      const { phone, password } = request.body;
      const user = await findUser(db, phone);
      const tokenOf = user && (await tokens.issuedTo(request.headers.authorization)) === user.id ? user.id : null;
      const attempt = { phone, address: request.ip, tokenOf, isKnown: tokenOf !== null || (await attempts.knows(phone, request.ip)) };
      passwords.admit(attempt.isKnown);
      await attempts.count('login', attempt);
      const matches = await passwords.matches(password, user?.hashed_password ?? null, attempt.isKnown);
      if (!user || !matches) throw new HttpError(401, 'phone or password is wrong');
      await attempts.remember(phone, request.ip);
      return { access_token: await tokens.issue(user.id), token_type: 'bearer' as const };
    },
  );
}
