// Opens the outbox of a state directory: opens or repairs the file, starts a new outbox id in it, and declares the outboxes that are lost.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock/index.ts';
import type { Lifetime } from '../state/index.ts';
import { Capacity } from './capacity.ts';
import { Evictor } from './eviction.ts';
import type { WaitingRow } from './intake.ts';
import { Latest } from './latest.ts';
import { Ledger } from './ledger.ts';
import { Counters, NO_METRICS, type OutboxMetrics } from './metrics.ts';
import { Outbox } from './outbox.ts';
import type { Commits, Parts } from './parts.ts';
import { openOutboxFile } from './repair.ts';
import type { Db } from './schema.ts';
import { retryWithoutBallast, Space } from './space.ts';
import { Store } from './store.ts';
import { Trouble } from './trouble.ts';
import { Writer } from './writer.ts';

export interface OutboxOptions {
  readonly stateDir: string;
  /** Bound of the database file, in bytes. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  /** Telemetry is committed in groups of this length, in milliseconds. */
  readonly groupMs: number;
  /** Called with the error when the database fails, and with undefined when it works again. Never called during the opening. */
  readonly onTrouble?: (error: Error | undefined) => void;
  readonly metrics?: OutboxMetrics;
  /** Rows that an earlier outbox of this process could not write; see {@link Outbox.unwritten}. */
  readonly adopted?: readonly WaitingRow[];
  /** Id of this opening. No two openings may share one; default: random. */
  readonly id?: string;
}

export interface OpenedOutbox {
  readonly outbox: Outbox;
  /** For the other tables of the file. The caller closes it after the outbox. */
  readonly db: Db;
  /** What happened to the file, for a person; undefined if it was whole. */
  readonly damage: string | undefined;
}

/**
 * If the disk is full, the ballast is released first: an opening has little to write.
 * @throws AgentError OUTBOX_NEWER, OUTBOX_UNWRITABLE; SQLite's error if the disk is at fault and not the file.
 */
export function openOutbox(options: OutboxOptions): OpenedOutbox {
  const { stateDir, maxBytes, clock, lifetime, adopted = [], id = randomBytes(12).toString('base64url') } = options;
  const onDisk = <T>(work: () => T): T => retryWithoutBallast(stateDir, work);
  const { db, closed, damage } = onDisk(() => openOutboxFile(stateDir, maxBytes, lifetime.outboxes, id));
  try {
    const parts = partsOf(db, options);
    const { store, ledger, writer, space } = parts;
    onDisk(() => ledger.start(id, lifetime.boot, clock.wall(), lifetime.outboxes, lifetime.ranBeforeMs));
    // The declarations are durable before the lifetime forgets the lost outboxes: a kill in between must not hide them from the cloud.
    for (const body of closed) writer.append({ class: 'event', body });
    onDisk(() => writer.flushMakingSpace());
    const owed = [...ledger.records.answeredFor().map(([named]) => named), ...store.closed()];
    onDisk(() => lifetime.openedOutbox(id, owed, clock.mono()));
    space.restoreBallast();
    writer.adopt(adopted);
    return { outbox: new Outbox(parts), db, damage };
  } catch (error) {
    db.close();
    throw error;
  }
}

function partsOf(db: Db, options: OutboxOptions): Parts {
  const { stateDir, maxBytes, clock, lifetime, groupMs, onTrouble = () => {}, metrics = NO_METRICS } = options;
  const commits: Commits = { wake: () => {} };
  const latest = new Latest();
  const onCommitted = (rows: readonly WaitingRow[]) => {
    latest.committed(rows, ledger.records.open.accepted);
    commits.wake();
  };
  const counters = new Counters(metrics, clock);
  const store = new Store(db, (ms) => metrics.commit(ms));
  const ledger = new Ledger(store);
  const trouble = new Trouble(clock, onTrouble);
  const space = new Space(db, stateDir, maxBytes);
  const evictor = new Evictor({ store, ledger, counters, clock, onCommitted });
  const capacity = new Capacity(store, space, evictor);
  const writer = new Writer({ clock, lifetime, ledger, counters, capacity, space, trouble, groupMs, onCommitted });
  const ranMs = () => lifetime.ranBeforeMs + clock.mono();
  return { clock, lifetime, store, ledger, counters, evictor, space, trouble, writer, latest, commits, onCommitted, ranMs };
}
