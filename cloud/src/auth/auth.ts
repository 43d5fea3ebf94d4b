// What routes ask about whoever calls: which user, which robot of theirs, which device. One door to the files beside it.
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
  /** For a route's `onRequest`, so that it comes before the body is even read. */
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

  /** Of a route with {@link user}. */
  userOf(request: FastifyRequest): number {
    return this.#bearerOf(request).userId;
  }

  /** Until when the token of {@link userOf} is good, in milliseconds since 1970. */
  expiresMs(request: FastifyRequest): number {
    return this.#bearerOf(request).expiresMs;
  }

  /** Of a route with {@link device}. */
  thingOf(request: FastifyRequest): string {
    const thing = this.#things.get(request);
    if (thing === undefined) throw new Error('this route asks for no device');
    return thing;
  }

  /** The robot that the user of this request means and is a member of. @throws HttpError 403 or 422. */
  robotOf(request: FastifyRequest, named: string | undefined): Promise<string> {
    return memberRobot(this.#options.db, this.userOf(request), named);
  }

  #bearerOf(request: FastifyRequest): Bearer {
    const bearer = this.#users.get(request);
    if (!bearer) throw new Error('this route asks for no user');
    return bearer;
  }
}
