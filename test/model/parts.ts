// What both models do to an outbox: rows of every class, small and big, and damage to its files.
import fc from 'fast-check';
import { isDiskFull, type NewRow, type RowClass } from '../../src/outbox/index.ts';
import type { Damage } from './robot.ts';

export const YEAR_MS = 365 * 24 * 3_600_000;

/** A few of these fill the model's file, and none fits into one page of it. */
const BIG_TEXT = 'x'.repeat(1_500);

export const damages: fc.Arbitrary<Damage> = fc.record({
  to: fc.constantFrom('file', 'wal'),
  how: fc.constantFrom('gone', 'truncated', 'zeroed', 'garbled'),
  at: fc.double({ min: 0, max: 0.999, noNaN: true }),
});

export function rowOf(what: RowClass, big: boolean): NewRow {
  const text = big ? BIG_TEXT : 'x';
  if (what === 'alert') return { class: 'alert', channel: 'fall', value: text, extra: { alert: 'raised' } };
  if (what === 'telemetry') return { class: 'telemetry', channel: 'temperature', value: text };
  if (what === 'result') return { class: 'result', body: { kind: 'result', id: 'c', status: 'done', detail: text } };
  return { class: 'event', body: { kind: 'last_words', cause: text, queued: 0, oldest_at: null } };
}

/** A full file refuses until the outbox has made room, in a turn of its own; callers log it and go on. */
export function whereRoom(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
}
