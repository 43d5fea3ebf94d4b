// Whether a robot is there. Only its latest session counts, by mark; a session that has ended never comes back, so a last
// will that is overtaken by its own session's hello still stands.
import { compareMarks, type Mark, type Power, type Presence } from '../../../src/wire/index.ts';

export interface HeldPresence {
  readonly session: string;
  readonly online: boolean;
  /** The highest mark seen of this session. */
  readonly mark: Mark;
  /** As the highest mark says it: a last will is of when its session began, and the robot may know better since. */
  readonly power: Power | null;
}

/** @returns the presence after `heard`, or null where it changes nothing. */
export function takePresence(held: HeldPresence | null, heard: Presence): HeldPresence | null {
  const { session, online, mark, power = null } = heard;
  const anew = { session, online, mark, power };
  if (!held) return anew;
  const isLater = compareMarks(mark, held.mark) > 0;
  if (held.session !== session) return isLater ? anew : null;
  return { ...(isLater ? anew : held), online: held.online && online };
}
