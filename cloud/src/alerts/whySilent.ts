// Why a robot is probably silent, in a sentence for its family: by what its latest presence, or its last will, says of itself, and its
// battery's last reading.
import type { Power } from '../../../src/wire/index.ts';

export interface SilentRobot {
  readonly online: boolean;
  /** Why it went, where it said so: `stopped`. */
  readonly reason: string | null;
  /** Null: not known, as of a robot without a battery, or of an older version. */
  readonly power: Power | null;
  /** The last reading of its battery, which may be later. */
  readonly battery: { readonly percent: number; readonly at: number } | null;
}

/** Pure. A low battery goes first: before it is empty a robot may well be shut down in order. */
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

/** Whoever shows it can say it in a time zone of their own by the times in the alert's value. */
function timeOf(at: number): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? 'a time unknown' : `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
