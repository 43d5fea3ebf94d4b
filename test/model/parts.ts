// Creates the rows and the file damage that both models of the outbox use.
import fc from 'fast-check';
import { isDiskFull, type NewRow, type RowClass } from '../../src/outbox/index.ts';
import type { Damage } from './robot.ts';

export const YEAR_MS = 365 * 24 * 3_600_000;

/** A few such texts fill the model's file. Two of them do not fit into one page. */
const BIG_TEXT = 'x'.repeat(1_500);

export const damages: fc.Arbitrary<Damage> = fc.record({
  to: fc.constantFrom('file', 'wal'),
  how: fc.constantFrom('gone', 'truncated', 'zeroed', 'garbled'),
  at: fc.double({ min: 0, max: 0.999, noNaN: true }),
});

export function rowOf(rowClass: RowClass, big: boolean): NewRow {
  const text = big ? BIG_TEXT : 'x';
  if (rowClass === 'alert') return { class: 'alert', channel: 'fall', value: text, extra: { alert: 'raised' } };
  if (rowClass === 'telemetry') return { class: 'telemetry', channel: 'temperature', value: text };
  if (rowClass === 'result') return { class: 'result', body: { kind: 'result', id: 'c', status: 'done', detail: text } };
  return { class: 'event', body: { kind: 'last_words', cause: text, queued: 0, oldest_at: null } };
}

/** Ignores the error of a full file, like the agent, which logs it. The outbox makes space in a later turn. */
export function unlessDiskFull(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
}
