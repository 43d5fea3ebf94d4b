// A sentence for the family: why a robot is probably silent. It is derived from the latest presence or last will and the last
// reading of the battery.
import type { Power } from '../../../src/wire/index.ts';

export interface SilentRobot {
  readonly online: boolean;
  /** The reason that the robot gave when it left, such as `stopped`; null: it gave no reason. */
  readonly reason: string | null;
  /** Null: not known, as for a robot without a battery or of an older version. */
  readonly power: Power | null;
  /** The last reading of its battery, which may be later than `power`. */
  readonly battery: { readonly percent: number; readonly at: number } | null;
}

/** Pure. A low battery is checked first, because a robot may be shut down in order before its battery is empty. */
export function whySilent({ online, reason, power, battery: read }: SilentRobot): string {
  const said = power && { percent: power.battery, at: power.at };
  const latest = said && read ? (read.at > said.at ? read : said) : (said ?? read);
  const battery = latest && `${Math.round(latest.percent)} % at ${timeOf(latest.at)}`;
  if (power?.low) return `probably its battery: ${battery}${reason === null ? '' : ', and then it was shut down'}`;
  const notThat = battery ? `; its battery was at ${battery}` : '';
  if (reason !== null) return `it was shut down, or its program was ended${notThat}`;
  if (online) return `it is connected, and says nothing${notThat}`;
  return `its network, or its power, was cut${notThat}`;
}

/** In UTC. A client can show its own time zone from the times in the alert's value. */
function timeOf(at: number): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? 'a time unknown' : `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
