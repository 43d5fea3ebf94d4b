// Which flat state is the latest: within one outbox the higher `state_seq`, between outboxes the one whose session is later,
// by mark. Messages may come twice, late, and through several instances.
import { compareMarks, type Mark, type ReadingValue } from '../../../src/wire/index.ts';
import type { FlatState } from '../messages/index.ts';

export type StateValues = Readonly<Record<string, ReadingValue>>;

export interface HeldState {
  /** Where the values come from; null before the first. */
  readonly source: { readonly outbox: string; readonly seq: number; readonly mark: Mark } | null;
  readonly values: StateValues;
}

/** The channels of the inherited interface (docs/reference/protocol.md); the open route shows no others. */
export const INHERITED_CHANNELS = ['gas', 'fire', 'fall', 'stranger', 'battery', 'temperature'] as const;

/**
 * A channel that the robot hasn't seen since its start is not in its message and keeps its value, as it does for any consumer
 * that merges objects.
 * @returns the state after `offered`, or null where what is held is newer.
 */
export function takeState(held: HeldState, offered: FlatState): HeldState | null {
  const { outbox, seq, mark, values } = offered;
  const { source } = held;
  if (source && source.outbox === outbox && seq <= source.seq) return null;
  if (source && source.outbox !== outbox && compareMarks(mark, source.mark) <= 0) return null;
  const latest = source?.outbox === outbox && compareMarks(source.mark, mark) > 0 ? source.mark : mark;
  return { source: { outbox, seq, mark: latest }, values: { ...held.values, ...values } };
}

/** Only the inherited channels, in their order. */
export function inheritedChannels(values: StateValues): StateValues {
  return Object.fromEntries(INHERITED_CHANNELS.flatMap((channel) => (channel in values ? [[channel, values[channel] ?? null]] : [])));
}
