// Creates messages of a robot, as docs/reference/protocol.md describes them.
import type { Mark, Presence, Range, Reading } from '../../../src/wire/index.ts';

let robots = 0;

/** Returns a name that no other test uses. */
export function newThing(): string {
  return `robot-${process.pid}-${++robots}`;
}

export interface Envelope {
  readonly thing: string;
  readonly outbox?: string;
  readonly accepted?: number;
  readonly mark?: Mark;
}

export function telemetry(fields: Envelope, readings: readonly unknown[], more: Record<string, unknown> = {}): Record<string, unknown> {
  return { ...envelope(fields), kind: 'telemetry', sent_at: 1_763_929_999_123, readings, ...more };
}

export function event(fields: Envelope, seq: number, body: Record<string, unknown>): Record<string, unknown> {
  return { ...envelope(fields), accepted: fields.accepted ?? seq, seq, at: 1_763_929_999_000, ...body };
}

export function presence(fields: Envelope, outboxes: [string, number][], more: Partial<Presence> = {}): Record<string, unknown> {
  return {
    thing: fields.thing,
    session: 's1',
    online: true,
    at: 1_763_929_990_000,
    mark: fields.mark ?? [1, 1_000],
    outboxes,
    commands: [],
    ...more,
  };
}

/** Returns one reading per seq, all of the same channel. */
export function readings(...ranges: readonly Range[]): Reading[] {
  return ranges.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, i): Reading => [first + i, 1_763_929_000_000 + first + i, 'temperature', 20 + i / 10]),
  );
}

function envelope({ thing, outbox = 'box-1', accepted = 0, mark = [1, 1_000] }: Envelope): Record<string, unknown> {
  return { thing, outbox, accepted, mark };
}
