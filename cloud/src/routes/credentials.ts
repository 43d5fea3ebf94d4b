// POST /auth/register and /auth/login: inherited routes (docs/reference/protocol.md) without a token. An unknown phone and a wrong password
// get the same answer in the same time.
import { z } from 'zod';
import type { AttemptLimits, AuthLimits, Passwords, Tokens } from '../auth/index.ts';
import { addUser, findUser, LOGIN_LIMITS, MAX_PASSWORD_BYTES, REGISTER_LIMITS } from '../auth/index.ts';
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
  readonly limits?: { readonly login: AuthLimits; readonly register: AuthLimits };
}

export function credentialRoutes({ app, db }: Context, options: CredentialOptions): void {
  const { tokens, passwords, attempts, limits = { login: LOGIN_LIMITS, register: REGISTER_LIMITS } } = options;

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
      await attempts.count('register', phone, request.ip, limits.register);
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
        security: OPEN,
        body: credentials,
        response: { 200: token, ...errors(401, 413, 415, 422, 429) },
      },
    },
    async (request) => {
      const { phone, password } = request.body;
      await attempts.count('login', phone, request.ip, limits.login);
      const user = await findUser(db, phone);
      const matches = await passwords.matches(password, user?.hashed_password ?? null);
      if (!user || !matches) throw new HttpError(401, 'phone or password is wrong');
      return { access_token: await tokens.issue(user.id), token_type: 'bearer' as const };
    },
  );
}
