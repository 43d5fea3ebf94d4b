// Identifies the caller of a route: a user and the robot that the request is about, or a robot itself.
import type { FastifyRequest } from 'fastify';
import type { Database } from '../database/index.ts';
import { HttpError } from '../http/index.ts';
import type { Bearer, Tokens } from './credentials.ts';
import type { Devices } from './devices.ts';
import { robotsOf } from './members.ts';

export interface AuthOptions {
  readonly db: Database;
  readonly tokens: Tokens;
  readonly devices: Pick<Devices, 'authenticate'>;
}

export class Auth {
  readonly #options: AuthOptions;
  readonly #users = new WeakMap<FastifyRequest, Bearer>();
  readonly #things = new WeakMap<FastifyRequest, string>();

  constructor(options: AuthOptions) {
    this.#options = options;
  }

  /** The `onRequest` hook of routes for users. It runs before the body is read. @throws HttpError 401. */
  readonly user = async (request: FastifyRequest): Promise<void> => {
    const bearer = await this.#options.tokens.verify(request.headers.authorization);
    const rows = await this.#options.db.query('select 1 from users where id = $1', [bearer.userId]);
    if (rows.length === 0) throw new HttpError(401, 'the token is not valid; log in again');
    this.#users.set(request, bearer);
  };

  /** The `onRequest` hook of routes for robots. @throws HttpError 401. */
  readonly device = async (request: FastifyRequest): Promise<void> => {
    this.#things.set(request, await this.#options.devices.authenticate(request.headers.authorization));
  };

  /** The user's id, in a route with the hook {@link user}. */
  userOf(request: FastifyRequest): number {
    return this.#bearerOf(request).userId;
  }

  /** The expiry time of the user's token, in milliseconds since 1970. */
  expiresMs(request: FastifyRequest): number {
    return this.#bearerOf(request).expiresMs;
  }

  /** The robot's thing name, in a route with the hook {@link device}. */
  thingOf(request: FastifyRequest): string {
    const thing = this.#things.get(request);
    if (thing === undefined) throw new Error('this route has no hook for robots');
    return thing;
  }

  /**
   * @returns the named robot, else the user's only robot.
   * @throws HttpError 403 if the user is not a member of the robot, 422 if the user has several robots and names none.
   */
  async robotOf(request: FastifyRequest, named: string | undefined): Promise<string> {
    const things = await robotsOf(this.#options.db, this.userOf(request));
    if (named !== undefined) {
      // A robot that does not exist gets the same answer, so that a stranger cannot find out names.
      if (!things.includes(named)) throw new HttpError(403, `you are not a member of ${named}; its family has to invite you`);
      return named;
    }
    const [only, another] = things;
    if (only === undefined) throw new HttpError(403, 'you are not a member of any robot; its family has to invite you');
    if (another !== undefined) throw new HttpError(422, `thing: you have several robots; name one of ${things.join(', ')}`);
    return only;
  }

  #bearerOf(request: FastifyRequest): Bearer {
    const bearer = this.#users.get(request);
    if (!bearer) throw new Error('this route has no hook for users');
    return bearer;
  }
}
