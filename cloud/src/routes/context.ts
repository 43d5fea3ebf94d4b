// What every file of routes gets.
import type { Auth } from '../auth/auth.ts';
import type { Database } from '../database/database.ts';
import type { App } from '../http/types.ts';
import type { Wakes } from '../stream/wakes.ts';

export interface Context {
  readonly app: App;
  readonly db: Database;
  readonly auth: Auth;
  /** Told of what a route changed, after the commit. */
  readonly wakes: Wakes;
}
