// Derives the changes of the coverage from a batch of messages. Every row in a message counts, not only new rows, because a row that is
// already stored is covered too.
import { compareMarks, type Mark, type Range } from '../../../src/wire/index.ts';
import type { EventRow, Message } from '../messages/index.ts';
import type { OutboxChange } from './coverage.ts';

export function outboxChanges(messages: readonly Message[]): OutboxChange[] {
  const changes = new Map<string, OutboxChange>();
  const changeOf = (thing: string, outbox: string): OutboxChange => {
    const key = `${thing}/${outbox}`;
    let change = changes.get(key);
    if (!change) {
      change = { thing, outbox, accepted: 0, mark: null, committed: [], evicted: [], corrected: false, closed: null };
      changes.set(key, change);
    }
    return change;
  };
  for (const message of messages) {
    if (message.kind === 'presence') {
      const { thing, mark, outboxes = [] } = message.presence;
      for (const [outbox, accepted] of outboxes) announce(changeOf(thing, outbox), accepted, mark);
      continue;
    }
    if (!message.names) continue;
    const { thing, outbox, accepted, mark, seqs } = message.names;
    const change = changeOf(thing, outbox);
    announce(change, accepted, mark);
    for (const seq of seqs) {
      change.committed.push(seq);
      change.accepted = Math.max(change.accepted, seq);
    }
    if (message.kind === 'rows') for (const event of message.events) declare(event, (name) => changeOf(thing, name));
  }
  return [...changes.values()];
}

function announce(change: OutboxChange, accepted: number, mark: Mark | null): void {
  change.accepted = Math.max(change.accepted, accepted);
  if (mark && (!change.mark || compareMarks(mark, change.mark) > 0)) change.mark = mark;
}

/** Applies the declarations of an event, which may concern an older outbox. */
function declare({ known }: EventRow, changeOf: (outbox: string) => OutboxChange): void {
  if (known?.kind === 'evicted') {
    evict(changeOf(known.of), known.ranges);
  } else if (known?.kind === 'outbox_closed') {
    const change = changeOf(known.old);
    change.accepted = Math.max(change.accepted, known.last_seq ?? 0);
    change.closed = { lastSeq: known.last_seq, successor: known.successor };
    evict(change, known.lost);
  } else if (known?.kind === 'clock_set') {
    changeOf(known.of).corrected = true;
  }
}

/** Counts evicted rows as accepted too, because the robot had accepted them. */
function evict(change: OutboxChange, ranges: readonly Range[]): void {
  for (const [first, last] of ranges) {
    change.evicted.push([first, last]);
    change.accepted = Math.max(change.accepted, last);
  }
}
