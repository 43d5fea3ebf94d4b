// Parameters that more than one route takes.
import { z } from 'zod';
import { thingName } from '../../../src/wire/index.ts';

/** Reading order of a list: at most so many, and only what is older. */
export const limitParameter = z.coerce.number().int().min(1).max(200).default(50).describe('At most so many');

export const thingParameter = thingName.describe('The robot');

export const thingQuery = z.object({ thing: thingParameter.optional().describe('The robot; may be left out by who has only one') });
export const thingPath = z.object({ thing: thingParameter });

/** No control characters. Said as what is not allowed: a range of a million characters is one that tools build one by one. */
const PRINTABLE = '[^\\x00-\\x1f\\x7f-\\x9f]';

/** What can be printed, counted in characters as JSON Schema and PostgreSQL count them. */
export function printable(least: number, most: number): z.ZodString {
  return z.string().regex(new RegExp(`^${PRINTABLE}{${least},${most}}$`, 'u'), `expected ${least} to ${most} characters`);
}
