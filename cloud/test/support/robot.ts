// Messages of a robot as docs/reference/protocol.md describes them.
import type { Mark, Presence, Range, Reading } from '../../../src/wire/index.ts';

let robots = 0;

/** A name that no other test has. */
export function newThing(): string {
  return `robot-${process.pid}-${++robots}`;
}

export interface Said {
  readonly thing: string;
  readonly outbox?: string;
  readonly accepted?: number;
  readonly mark?: Mark;
}

export function telemetry(said: Said, readings: readonly unknown[], more: Record<string, unknown> = {}): Record<string, unknown> {
  return { ...envelope(said), kind: 'telemetry', sent_at: 1_763_929_999_123, readings, ...more };
}

export function event(said: Said, seq: number, body: Record<string, unknown>): Record<string, unknown> {
  return { ...envelope(said), accepted: said.accepted ?? seq, seq, at: 1_763_929_999_000, ...body };
}

export function presence(said: Said, outboxes: [string, number][], more: Partial<Presence> = {}): Record<string, unknown> {
  return {
    thing: said.thing,
    session: 's1',
    online: true,
    at: 1_763_929_990_000,
    mark: said.mark ?? [1, 1_000],
    outboxes,
    commands: [],
    ...more,
  };
}

/** Readings of one channel, one for each seq. */
export function readings(...ranges: readonly Range[]): Reading[] {
  return ranges.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, i): Reading => [first + i, 1_763_929_000_000 + first + i, 'temperature', 20 + i / 10]),
  );
}

function envelope({ thing, outbox = 'box-1', accepted = 0, mark = [1, 1_000] }: Said): Record<string, unknown> {
  return { thing, outbox, accepted, mark };
}
