// Decides whether a state or a presence is newer than the stored one. Messages may arrive twice, late, and through several instances.
import { compareMarks, type Mark, type Power, type Presence, type ReadingValue } from '../../../src/wire/index.ts';
import type { FlatState } from '../messages/index.ts';
import { INHERITED_CHANNELS } from './monitors.ts';

/** Values in the state of a robot. */
export const MAX_CHANNELS = 200;

export type StateValues = Readonly<Record<string, ReadingValue>>;

/** The channels that a robot announced in its presence; null if it announced none. */
export type Channels = readonly string[] | null;

export interface HeldState {
  /** The origin of the values; null before the first state. */
  readonly source: { readonly outbox: string; readonly seq: number; readonly mark: Mark } | null;
  readonly values: StateValues;
}

export interface HeldPresence {
  readonly session: string;
  readonly online: boolean;
  /** The highest mark of this session. */
  readonly mark: Mark;
  /** The power at the highest mark. A last will is written when its session begins, so it may be older than other presences. */
  readonly power: Power | null;
  /** The storage at the highest mark of an online presence; a last will and a goodbye do not say it. */
  readonly storage: Presence['storage'] | null;
}

/**
 * Compares states by `state_seq` within one outbox, and by the mark between outboxes. A channel without a sample since the robot's start is
 * missing in `offered` and keeps its value, as for any consumer that merges objects.
 * @returns the new state, or null if `held` is newer.
 */
export function takeState(held: HeldState, offered: FlatState): HeldState | null {
  const { outbox, seq, mark, values } = offered;
  const { source } = held;
  if (source && source.outbox === outbox && seq <= source.seq) return null;
  if (source && source.outbox !== outbox && compareMarks(mark, source.mark) <= 0) return null;
  const latest = source?.outbox === outbox && compareMarks(source.mark, mark) > 0 ? source.mark : mark;
  return { source: { outbox, seq, mark: latest }, values: boundedValues({ ...held.values, ...values }, values) };
}

/** Beyond the bound, the channels that this message does not have go. The inherited channels stay. */
function boundedValues(values: StateValues, offered: StateValues): StateValues {
  const names = Object.keys(values);
  if (names.length <= MAX_CHANNELS) return values;
  const ordered = new Set([...INHERITED_CHANNELS, ...Object.keys(offered), ...names]);
  const kept = [...ordered].filter((name) => name in values).slice(0, MAX_CHANNELS);
  return Object.fromEntries(kept.map((name) => [name, values[name] ?? null]));
}

/**
 * Only the latest session counts, by mark. An ended session never resumes, so the session is offline even if its last will arrives before
 * its first presence.
 * @returns the new presence, or null if `offered` changes nothing.
 */
export function takePresence(held: HeldPresence | null, offered: Presence): HeldPresence | null {
  const { session, online, mark, power = null } = offered;
  const storage = online ? (offered.storage ?? null) : (held?.storage ?? null);
  const next = { session, online, mark, power, storage };
  if (!held) return next;
  const isLater = compareMarks(mark, held.mark) > 0;
  if (held.session !== session) return isLater ? next : null;
  return { ...(isLater ? next : held), online: held.online && online };
}
