// Watches what leaves the robot: no row is sent again sooner than docs/reference/protocol.md (Receipts) says, nor more often than it can be explained.
import assert from 'node:assert/strict';
import type { Mark } from '../../src/wire/index.ts';
import { inflated } from './broker.ts';

/** 60 s, less what acknowledgements that are kept as one may lie apart (src/outbox/publications.ts). */
const NOT_WITHIN_MS = 55_000;

/** Tries before a row is declared poison. */
const MAX_TRIES = 10;

interface Row {
  sent: number;
  /** When the robot heard of its PUBACK, in its own time. */
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

  /** @param interruptions kills, ended connections, refusals: each may cost any row one more try. */
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
    // A text that a damaged page took away names nothing.
    return [];
  }
}
