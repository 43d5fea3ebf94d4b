// What every file of routes gets.
import type { Auth } from '../auth/auth.ts';
import type { Database } from '../database/database.ts';
import type { App } from '../http/app.ts';

export interface Context {
  readonly app: App;
  readonly db: Database;
  readonly auth: Auth;
}
