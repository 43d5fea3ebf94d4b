// Tells whether this instance does its work: a test write reaches the disk of the database, messages arrive and are committed, and the upkeep
// runs. /healthz, /metrics and `doctor` show the faults. The database is asked only every few seconds, however often somebody reads.
import { codeOf, messageOf, reused, withDeadline } from '../../../src/base/index.ts';
import type { LinkState } from '../broker/index.ts';
import type { Database } from '../database/index.ts';

const CANARY_MS = 5_000;
const CANARY_EVERY_MS = 5_000;
const FACTS_MS = 3_000;
const FACTS_EVERY_MS = 30_000;
/** A commit takes milliseconds. A connection that leads nowhere costs 10 s. */
const STUCK_MS = 15_000;
/** A task that fails is repeated each minute. */
const UPKEEP_MS = 180_000;
/** A transaction id has 32 bits, and half of them lie ahead. */
const XIDS = 2 ** 31;

const REMEDIES = {
  database_read_only: 'lead DATABASE_URL to the primary; a managed server is also read-only while its disk is full',
  database_full: 'free space on the disk of the database, or enlarge the disk',
  database_slow: 'look at pg_stat_activity for locks and long statements',
  database_failed: 'elderly-bot-cloud doctor names the fault of the database',
  broker_lost: 'the log line broker_lost has the reason; the policy must allow $share/ingest/',
  ingest_stuck: 'the log line database_failed has the reason',
  upkeep_failing: 'the log line maintenance_failed has the reason; silent robots may not raise an alert',
} as const;

export interface Fault {
  /** A stable code. */
  readonly code: keyof typeof REMEDIES;
  readonly text: string;
  readonly remedy: string;
}

export interface HealthOptions {
  /** The pool of the ingest. */
  readonly db: Database;
  readonly broker: () => LinkState;
  readonly queue: () => Queue;
  /** The error of the ingest's last transaction; undefined if that succeeded. */
  readonly lastFailure: () => unknown;
  /** Since when each failing task of the upkeep fails, by performance.now(), and why. */
  readonly upkeep: () => ReadonlyMap<string, { readonly sinceMs: number; readonly reason: string }>;
}

/** Messages that were received and not yet committed. */
export interface Queue {
  readonly waiting: number;
  /** The age of the oldest one; 0 if the queue is empty. */
  readonly oldestMs: number;
  /** When something was last committed, by performance.now(). */
  readonly storedMs: number;
  /** Robots that wait alone, because their rows are locked or slow, and topic prefixes whose robots send more than they may. */
  readonly stuck?: readonly string[];
  readonly quarantined?: readonly string[];
}

/** Facts about the database that no error announces in time. */
export interface Facts {
  readonly silentRobots: number;
  /** The used part of each sequence's numbers, from 0 to 1. */
  readonly sequences: Readonly<Record<string, number>>;
  /** The used part of the transaction ids until PostgreSQL refuses to write. */
  readonly xids: number;
}

export class Health {
  readonly options: HealthOptions;
  readonly #canary = reused(() => this.#write(), CANARY_EVERY_MS);
  /** Rejects if the database does not answer. */
  readonly facts = reused(() => withDeadline(this.#facts(), FACTS_MS, late), FACTS_EVERY_MS);

  constructor(options: HealthOptions) {
    this.options = options;
  }

  async faults(): Promise<Fault[]> {
    const { broker, queue, lastFailure, upkeep } = this.options;
    const faults = [...(await this.#canary())];
    if (broker() !== 'subscribed') faults.push(fault('broker_lost', `no subscription at the broker: ${broker()}`));
    const { waiting, oldestMs, storedMs } = queue();
    const stuckMs = Math.min(oldestMs, performance.now() - storedMs);
    if (stuckMs > STUCK_MS) {
      const failure = lastFailure();
      const text = `messages that wait: ${waiting}; none was committed for ${Math.round(stuckMs / 1_000)} s`;
      faults.push(failure === undefined ? fault('ingest_stuck', text) : faultOf(failure, 'ingest_stuck', `${text}: `));
    }
    for (const [task, { sinceMs, reason }] of upkeep()) {
      if (performance.now() - sinceMs > UPKEEP_MS) faults.push(fault('upkeep_failing', `${task}: ${reason}`));
    }
    return faults;
  }

  /** A statement that only reads succeeds on a full disk and on a standby. */
  async #write(): Promise<readonly Fault[]> {
    const written = this.options.db.query(
      'insert into canary (id, written_at) values (1, now()) on conflict (id) do update set written_at = now()',
    );
    try {
      await withDeadline(written, CANARY_MS, late);
      return [];
    } catch (error) {
      return [faultOf(error, error === LATE ? 'database_slow' : 'database_failed')];
    }
  }

  async #facts(): Promise<Facts> {
    const { db } = this.options;
    const [row] = await db.query<{ silent: number; sequences: Record<string, number>; xids: number }>(
      `select (select count(*) from alerts where channel = 'robot_silent' and resolved_at is null) as silent,
        (select json_object_agg(sequencename, coalesce(last_value, 0)::float8 / max_value) from pg_sequences
          where schemaname = current_schema()) as sequences,
        (select age(datfrozenxid) from pg_database where datname = current_database()) as xids`,
    );
    return { silentRobots: row?.silent ?? 0, sequences: row?.sequences ?? {}, xids: (row?.xids ?? 0) / XIDS };
  }
}

const LATE = new Error(`a test write takes longer than ${CANARY_MS / 1_000} s`);

function late(): never {
  throw LATE;
}

function fault(code: Fault['code'], text: string): Fault {
  return { code, text, remedy: REMEDIES[code] };
}

/** @param otherwise the code if the error itself names no known cause. */
function faultOf(error: unknown, otherwise: Fault['code'], before = ''): Fault {
  const causes: Readonly<Record<string, Fault['code']>> = { '25006': 'database_read_only', '53100': 'database_full' };
  return fault(causes[codeOf(error) ?? ''] ?? otherwise, `${before}${messageOf(error)}`);
}
