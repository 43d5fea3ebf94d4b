// The caller of a route: which user, which of the user's robots, or which device.
import type { FastifyRequest } from 'fastify';
import type { Database } from '../database/index.ts';
import type { Devices } from './devices.ts';
import { memberRobot, requireUser } from './members.ts';
import type { Bearer, Tokens } from './tokens.ts';

export interface AuthOptions {
  readonly db: Database;
  readonly tokens: Tokens;
  readonly devices: Pick<Devices, 'authenticate'>;
}

type Hook = (request: FastifyRequest) => Promise<void>;

export class Auth {
  readonly #options: AuthOptions;
  readonly #users = new WeakMap<FastifyRequest, Bearer>();
  readonly #things = new WeakMap<FastifyRequest, string>();
  /** For a route's `onRequest`: it runs before the body is read. */
  readonly user: Hook;
  /** The same for a robot. */
  readonly device: Hook;

  constructor(options: AuthOptions) {
    this.#options = options;
    this.user = async (request) => {
      const bearer = await options.tokens.verify(request.headers.authorization);
      await requireUser(options.db, bearer.userId);
      this.#users.set(request, bearer);
    };
    this.device = async (request) => {
      this.#things.set(request, await options.devices.authenticate(request.headers.authorization));
    };
  }

  /** The user's id, in a route with {@link user}. */
  userOf(request: FastifyRequest): number {
    return this.#bearerOf(request).userId;
  }

  /** When the token of {@link userOf} expires, in milliseconds since 1970. */
  expiresMs(request: FastifyRequest): number {
    return this.#bearerOf(request).expiresMs;
  }

  /** The robot's thing name, in a route with {@link device}. */
  thingOf(request: FastifyRequest): string {
    const thing = this.#things.get(request);
    if (thing === undefined) throw new Error('this route asks for no device');
    return thing;
  }

  /** The named robot, or the user's only robot. @throws HttpError 403 for a robot of others, 422 if the name is needed. */
  robotOf(request: FastifyRequest, named: string | undefined): Promise<string> {
    return memberRobot(this.#options.db, this.userOf(request), named);
  }

  #bearerOf(request: FastifyRequest): Bearer {
    const bearer = this.#users.get(request);
    if (!bearer) throw new Error('this route asks for no user');
    return bearer;
  }
}
