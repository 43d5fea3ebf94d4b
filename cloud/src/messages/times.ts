// Clamps times that cannot be true, so that neither the rows nor their alerts are lost.
import { MAX_BELIEVED_MS, MIN_BELIEVED_MS, type Reading } from '../../../src/wire/index.ts';

/** Keeps an impossible time in the range that every reader of the database can hold. Times near 1970 stay, for a later correction. */
export function bounded(at: number): number {
  return Math.min(Math.max(at, 0), MAX_BELIEVED_MS);
}

export function believedReading(row: Reading): Reading {
  const [seq, at, channel, value, extra] = row;
  if (at >= MIN_BELIEVED_MS && at <= MAX_BELIEVED_MS) return row;
  return [seq, bounded(at), channel, value, { ...extra, clock: 'untrusted' }];
}
