// What every file of routes gets.
import type { Auth } from '../auth/index.ts';
import type { Database } from '../database/index.ts';
import type { App } from '../http/index.ts';
import type { ChangeNotifier } from '../stream/index.ts';

export interface Context {
  readonly app: App;
  readonly db: Database;
  readonly auth: Auth;
  /** Told of what a route changed, after the commit. */
  readonly notifier: ChangeNotifier;
}
