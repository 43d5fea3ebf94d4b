// Checks the resends of the robot: no row is sent again sooner than docs/reference/protocol.md (Receipts) permits, or more often than the
// interruptions explain.
import assert from 'node:assert/strict';
import type { Mark } from '../../src/wire/index.ts';
import { inflated } from './broker.ts';

/** 60 s minus the maximum time between acknowledgements that are merged into one publication (src/outbox/publications.ts). */
const NOT_WITHIN_MS = 55_000;

/** The number of tries after which a row is declared poison. */
const MAX_TRIES = 10;

interface Row {
  sent: number;
  /** The robot's mark at the PUBACK. */
  acknowledged: Mark | null;
}

export class Resends {
  readonly #rows = new Map<string, Row>();

  sent(topic: string, payload: Buffer, [boot, ms]: Mark): void {
    for (const name of namesIn(topic, payload)) {
      const row = this.#rows.get(name) ?? { sent: 0, acknowledged: null };
      this.#rows.set(name, { ...row, sent: row.sent + 1 });
      if (row.acknowledged?.[0] !== boot) continue;
      const afterMs = ms - row.acknowledged[1];
      assert.ok(afterMs >= NOT_WITHIN_MS, `${name} was sent again ${afterMs} ms after its PUBACK`);
    }
  }

  acknowledged(topic: string, payload: Buffer, mark: Mark): void {
    for (const name of namesIn(topic, payload)) this.#rows.set(name, { sent: 0, ...this.#rows.get(name), acknowledged: mark });
  }

  /** @param interruptions the number of kills, ended connections and refusals: each may cause one more try of any row. */
  check(interruptions: number, files: number): void {
    for (const [name, { sent }] of this.#rows) {
      assert.ok(sent <= MAX_TRIES * files + interruptions, `${name} was sent ${sent} times in ${interruptions} interruptions`);
    }
  }
}

function namesIn(topic: string, payload: Buffer): string[] {
  if (topic.endsWith('/presence')) return [];
  try {
    const { outbox, seq, readings } = JSON.parse(inflated(payload).toString()) as { outbox: string; seq?: number; readings?: number[][] };
    return (readings ? readings.map(([number]) => number) : [seq]).map((number) => `${outbox}/${number}`);
  } catch {
    // A text that a damaged page garbled names no row.
    return [];
  }
}
