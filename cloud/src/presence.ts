// Whether a robot is there. Only its latest session counts, by mark; a session that has ended never comes back, so a last
// will that is overtaken by its own session's hello still stands.
import { compareMarks, type Mark, type Presence } from '../../src/wire/index.ts';

export interface HeldPresence {
  readonly session: string;
  readonly online: boolean;
  /** The highest mark seen of this session. */
  readonly mark: Mark;
}

/** @returns the presence after `heard`, or null where it changes nothing. */
export function takePresence(held: HeldPresence | null, heard: Presence): HeldPresence | null {
  const { session, online, mark } = heard;
  if (!held) return { session, online, mark };
  const order = compareMarks(mark, held.mark);
  if (held.session !== session) return order > 0 ? { session, online, mark } : null;
  return { session, online: held.online && online, mark: order > 0 ? mark : held.mark };
}
