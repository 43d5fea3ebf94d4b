// Opens a state directory's outbox: opens or repairs the file, starts a new outbox id in it, and declares lost outboxes to the cloud.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock/index.ts';
import type { Lifetime } from '../state/index.ts';
import type { Carried } from './carry.ts';
import { Declarations } from './declarations.ts';
import type { WaitingRow } from './intake.ts';
import { Ledger } from './ledger.ts';
import { Counters, type OutboxMetrics } from './metrics.ts';
import { Outbox } from './outbox.ts';
import { Commits, type Parts } from './parts.ts';
import { openOutboxFile } from './repair.ts';
import type { Db } from './schema.ts';
import { retryWithoutBallast, Space } from './space.ts';
import { Store } from './store.ts';
import { Writer } from './writer.ts';

interface OutboxOptions {
  readonly stateDir: string;
  /** Limit on the size of the database and its WAL, in bytes. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  /** How long telemetry may wait so that rows are committed in groups, in milliseconds. */
  readonly groupMs: number;
  /** Called with the error when a database operation fails, and with undefined once commits succeed again. Not called by `openOutbox`. */
  readonly onTrouble?: (error: Error | undefined) => void;
  readonly metrics?: OutboxMetrics;
  /** Rows that this process's previous outbox could not write; see {@link Outbox.unwritten}. */
  readonly adopted?: readonly WaitingRow[];
  /** Another outbox file, whose content is carried into this one. */
  readonly carried?: Carried | undefined;
  /** Whether the file is in memory only, so that its alerts must say so. */
  readonly isVolatile?: boolean;
  /** The new outbox id, random by default. It must not have been used before. */
  readonly id?: string;
}

interface OpenedOutbox {
  readonly outbox: Outbox;
  /** The database, for access to its other tables. The caller must close it after closing the outbox. */
  readonly db: Db;
  /** Describes the damage to the file, for the log; undefined if there was no damage. */
  readonly damage: string | undefined;
}

/**
 * Opens the outbox. If the disk is full, releases the ballast, which frees more space than opening needs.
 * @throws AgentError OUTBOX_NEWER, OUTBOX_UNWRITABLE; SQLite's error if the disk is at fault and not the file.
 */
export function openOutbox(options: OutboxOptions): OpenedOutbox {
  const { stateDir, maxBytes, clock, lifetime, groupMs, onTrouble = () => {}, metrics, adopted = [] } = options;
  const { carried, isVolatile = false, id = randomBytes(12).toString('base64url') } = options;
  const known = { carried, acceptedBy: (id: string) => lifetime.acceptedBy(id) };
  const onDisk = <T>(work: () => T): T => retryWithoutBallast(stateDir, work);
  const { db, closed, damage } = onDisk(() => openOutboxFile(stateDir, maxBytes, lifetime.outboxes, id, known));
  try {
    const store = new Store(db, (ms) => metrics?.commit(ms));
    const ledger = new Ledger(store);
    const space = new Space(db, stateDir, maxBytes);
    const counters = new Counters(metrics, clock);
    const ranMs = () => lifetime.ranBeforeMs + clock.mono();
    const parts: Parts = {
      clock,
      lifetime,
      store,
      ledger,
      counters,
      space,
      commits: new Commits(ledger),
      declarations: new Declarations(),
      groupMs,
      isVolatile,
      onTrouble,
      ranMs,
    };
    const writer = new Writer(parts);
    onDisk(() => ledger.start(id, lifetime.boot, clock.wall(), lifetime.outboxes, lifetime.ranBeforeMs));
    // Make the declarations durable before the lifetime forgets the lost outboxes. Otherwise, a kill in between would hide the loss from
    // the cloud.
    for (const body of closed) writer.append({ class: 'event', body });
    onDisk(() => writer.flushDeclarations());
    const owed = [...ledger.outboxes.unfinished().map(([named]) => named), ...store.closedOutboxes()];
    onDisk(() => lifetime.openedOutbox(id, owed, ledger.outboxes.unfinished(), clock.mono()));
    space.closeReserve();
    space.restoreBallast();
    writer.adopt(adopted);
    return { outbox: new Outbox(parts, writer), db, damage };
  } catch (error) {
    db.close();
    throw error;
  }
}
