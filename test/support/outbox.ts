// An outbox on a real file in a folder of its own, with a clock that the test sets.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../src/clock/index.ts';
import { type Db, type Outbox, openOutbox } from '../../src/outbox/index.ts';
import { Lifetime, type Storage } from '../../src/state/index.ts';

export class ManualClock implements Clock {
  wallMs = Date.UTC(2027, 0, 1);
  monoMs = 0;
  isTrusted = true;
  wall = () => this.wallMs;
  mono = () => this.monoMs;
  trusted = () => this.isTrusted;

  advance(ms: number): void {
    this.wallMs += ms;
    this.monoMs += ms;
  }
}

/** A state directory that works, without a lock. */
export function storageAt(folder: string): Storage {
  const nothing = () => {};
  return {
    home: folder,
    folder,
    failure: undefined,
    wasOpen: undefined,
    other: undefined,
    atMost: (bytes) => bytes,
    settled: nothing,
    release: nothing,
  };
}

export interface OutboxBench {
  readonly folder: string;
  readonly clock: ManualClock;
  outbox: Outbox;
  db: Db;
  lifetime: Lifetime;
  readonly troubles: (Error | undefined)[];
  /** Opens the file as after a crash: uncommitted rows are lost, and the outbox has a new id. */
  reopen(): Outbox;
  remove(): void;
}

export function outboxBench(maxBytes = 64 * 1024 ** 2): OutboxBench {
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-outbox-'));
  const clock = new ManualClock();
  const troubles: (Error | undefined)[] = [];
  let opened = 0;
  const open = () => {
    const lifetime = Lifetime.begin(folder);
    clock.monoMs = 0;
    const { db, outbox } = openOutbox({
      stateDir: folder,
      maxBytes,
      clock,
      lifetime,
      id: `box-${++opened}`,
      groupMs: 60_000,
      onTrouble: (error) => troubles.push(error),
    });
    return { lifetime, db, outbox };
  };
  const bench: OutboxBench = {
    folder,
    clock,
    troubles,
    ...open(),
    reopen() {
      bench.db.close();
      Object.assign(bench, open());
      return bench.outbox;
    },
    remove() {
      if (bench.db.open) bench.db.close();
      rmSync(folder, { recursive: true });
    },
  };
  return bench;
}

/** Publishes all waiting alerts to a broker that acknowledges them. Until then a receipt does not release them. */
export function acknowledgeAlerts(outbox: Outbox): void {
  for (;;) {
    const claim = outbox.claim('alert', { maxRows: 1_000, maxBytes: 1_000_000 });
    if (claim === undefined) return;
    outbox.published(claim);
  }
}
