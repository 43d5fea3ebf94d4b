// `invite` and `revoke`: the members of a robot's family. Registration is open to everybody; only an invitation shows the robot.
import { thingName } from '../../../src/wire/index.ts';
import { invite, revoke } from '../auth/index.ts';
import type { Sql } from '../database/index.ts';
import { Refusal, SettingsError } from '../errors/index.ts';
import { onDatabase } from './database.ts';
import { print } from './exit.ts';

export async function inviteMember(phone: string, thing: string): Promise<number> {
  requireThing(thing);
  return onDatabase(async (db) => {
    if (!(await invite(db, phone, thing))) {
      throw new Refusal(`${phone} is not registered yet: first register it (POST /auth/register), then invite it`);
    }
    print(
      `${phone} is a member of ${thing}${(await isKnown(db, thing)) ? '' : ', a robot that was never heard so far: is its name right?'}`,
    );
    return 0;
  });
}

export async function revokeMember(phone: string, thing: string): Promise<number> {
  requireThing(thing);
  return onDatabase(async (db) => {
    if (!(await revoke(db, phone, thing))) throw new Refusal(`${phone} was no member of ${thing}; nothing changed`);
    print(`${phone} is no longer a member of ${thing}, from their next request on`);
    return 0;
  });
}

/** @throws SettingsError for a name that no robot can have. */
export function requireThing(thing: string): void {
  const { error } = thingName.safeParse(thing);
  if (error) throw new SettingsError([`${thing}: ${error.issues[0]?.message ?? 'no name of a thing'}`]);
}

async function isKnown(sql: Sql, thing: string): Promise<boolean> {
  return (await sql.query('select 1 from robots where thing = $1', [thing])).length > 0;
}
