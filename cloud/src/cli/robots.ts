// The commands `invite` and `revoke` for the members of a robot, `silence` for its limit, and `robot reset` for its prefix and marks.
import { print } from '../../../src/base/index.ts';
import { thingName } from '../../../src/wire/index.ts';
import { setSilence } from '../alerts/index.ts';
import { invite, revoke } from '../auth/index.ts';
import { Refusal, SettingsError } from '../errors/index.ts';
import { resetRobot } from '../robots/index.ts';
import { silence } from '../settings/index.ts';
import { onDatabase } from './database.ts';

export async function inviteMember(phone: string, thing: string): Promise<number> {
  requireThing(thing);
  return onDatabase(async (db) => {
    if (!(await invite(db, phone, thing))) {
      throw new Refusal('this phone number is not registered yet: register it first (POST /auth/register), then invite it');
    }
    const isKnown = (await db.query('select 1 from robots where thing = $1', [thing])).length > 0;
    const doubt = isKnown ? '' : '; the cloud has never received anything from this robot: is the name correct?';
    await print(`${phone} is a member of ${thing}${doubt}`);
    return 0;
  });
}

export async function revokeMember(phone: string, thing: string): Promise<number> {
  requireThing(thing);
  return onDatabase(async (db) => {
    if (!(await revoke(db, phone, thing))) throw new Refusal(`this phone number was not a member of ${thing}; nothing changed`);
    await print(`${phone} is no longer a member of ${thing}; this applies from the next request`);
    return 0;
  });
}

/** @param time for example 2h. `off` means no limit, `default` means ROBOT_SILENT_AFTER. */
export async function silenceAfter(thing: string, time: string): Promise<number> {
  requireThing(thing);
  const { data: afterMs, error } = time === 'default' ? { data: null } : silence.safeParse(time);
  if (afterMs === undefined) throw new SettingsError([`${time}: ${error?.issues[0]?.message}, or default`]);
  return onDatabase(async (db) => {
    if (!(await setSilence(db, thing, afterMs))) {
      throw new Refusal(`the cloud has received nothing from a robot ${thing} yet; nothing changed`);
    }
    const limit = time === 'default' ? 'ROBOT_SILENT_AFTER' : time;
    await print(time === 'off' ? `silence of ${thing} is never an alert` : `silence of ${thing} for longer than ${limit} is an alert`);
    return 0;
  });
}

/** For a robot that moved to another topic prefix, or whose false mark hides its presence. */
export async function resetMarks(thing: string): Promise<number> {
  requireThing(thing);
  return onDatabase(async (db) => {
    if (!(await resetRobot(db, thing))) throw new Refusal(`the cloud has received nothing from a robot ${thing} yet; nothing changed`);
    await print(`${thing}: its topic prefix and its marks are forgotten; its next message sets them. Rows and alerts stay`);
    return 0;
  });
}

/** @throws SettingsError for a name that no robot can have. */
export function requireThing(thing: string): void {
  const { error } = thingName.safeParse(thing);
  if (error) throw new SettingsError([`${thing}: ${error.issues[0]?.message ?? 'not a valid thing name'}`]);
}
