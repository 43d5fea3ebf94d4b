// `silence`: how long one robot may be silent before that is an alert, if ROBOT_SILENT_AFTER does not fit it.
import { setSilence } from '../alerts/index.ts';
import { Refusal, SettingsError } from '../errors/index.ts';
import { silence } from '../settings/index.ts';
import { onDatabase } from './database.ts';
import { print } from './exit.ts';
import { requireThing } from './members.ts';

/** @param time such as 2h; `off`: no limit; `default`: ROBOT_SILENT_AFTER. */
export async function silenceAfter(thing: string, time: string): Promise<number> {
  requireThing(thing);
  const { data: afterMs, error } = time === 'default' ? { data: null } : silence.safeParse(time);
  if (afterMs === undefined) throw new SettingsError([`${time}: ${error?.issues[0]?.message}, or default`]);
  return onDatabase(async (db) => {
    if (!(await setSilence(db, thing, afterMs))) throw new Refusal(`no robot ${thing} has spoken yet; nothing changed`);
    print(`${thing} ${WORDS[time] ?? `is an alert when it is silent for longer than ${time}`}`);
    return 0;
  });
}

const WORDS: Readonly<Record<string, string>> = {
  off: 'may be silent for ever',
  default: 'is an alert when it is silent for longer than ROBOT_SILENT_AFTER',
};
