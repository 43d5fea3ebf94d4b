// The context, options and parameters that the routes share.
import { z } from 'zod';
import { thingName } from '../../../src/wire/index.ts';
import type { Auth } from '../auth/index.ts';
import type { Database } from '../database/index.ts';
import { type App, TAGS, USER } from '../http/index.ts';
import type { Metrics } from '../metrics/index.ts';
import type { ChangeNotifier } from '../stream/index.ts';

export interface Context {
  readonly app: App;
  readonly db: Database;
  readonly auth: Auth;
  /** Routes notify it of their changes after the commit. */
  readonly notifier: ChangeNotifier;
  readonly metrics: Metrics;
}

/** Options of a route that needs a user's token. */
export function forUsers<const T extends object>(auth: Auth, tag: keyof typeof TAGS, schema: T) {
  return { onRequest: auth.user, schema: { ...schema, tags: [TAGS[tag].name], security: USER } };
}

export const limitParameter = z.coerce.number().int().min(1).max(200).default(50).describe('Maximum number of entries');
export const thingParameter = thingName.describe('The robot');
export const thingQuery = z.object({ thing: thingParameter.optional().describe('The robot; optional for a member of only one robot') });

/** Excludes control characters. A pattern of allowed characters would be slow in tools that expand its million-character range. */
const PRINTABLE = '[^\\x00-\\x1f\\x7f-\\x9f]';

/** A printable text. Its length counts in characters, as JSON Schema and PostgreSQL count. */
export function printable(least: number, most: number): z.ZodString {
  return z.string().regex(new RegExp(`^${PRINTABLE}{${least},${most}}$`, 'u'), `expected ${least} to ${most} characters`);
}
