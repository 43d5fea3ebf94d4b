// Notices that the database was restored into another cluster, as pg_restore and a blue/green deployment do. The rows keep the numbers of
// the old cluster's transactions. If the new cluster counts lower, such a row looks newer than every snapshot, so streams would repeat it.
import { codeOf } from '../../../src/base/index.ts';
import type { Database, Sql } from './database.ts';

/** The server does not tell its identifier: no right, or no such function. */
const UNTOLD = /^(42501|42883|0A000)$/;

/** Columns with the number of a transaction. A row without it is older than every moment. */
const NUMBERED = { alerts: 'changed_xid', results: 'stored_xid', robots: 'state_xid' } as const;

/** The first transaction that has not begun. A row of this cluster has a lower number. */
const NEXT = 'pg_snapshot_xmax(pg_current_snapshot())';

export interface Origin {
  /** The identifier of the cluster in which rows were last written; null before the first look. */
  readonly known: string | null;
  /**
   * Whether the latest known transaction is still to come here. Also that of a robot's state, if the server does not tell its identifier:
   * this reads all robots.
   */
  readonly isAhead: boolean;
}

/** @param identifier of this cluster; null if the server does not tell it. Then only a lower count of transactions shows a restore. */
export function lookAt({ known, isAhead }: Origin, identifier: string | null): 'same' | 'new' | 'restored' {
  if (isAhead || (known !== null && identifier !== null && known !== identifier)) return 'restored';
  return known === null && identifier !== null ? 'new' : 'same';
}

/**
 * Removes the numbers of another cluster's transactions and begins a new epoch, so that its moments no longer count. Takes the time of an
 * update of all alerts and results, once for each restore. Several instances may call it at once.
 * @param db must have no time limit. @returns whether the database was restored.
 */
export async function noticeRestore(db: Database): Promise<boolean> {
  const identifier = await systemIdentifier(db);
  return db.transaction(async (sql) => {
    const [origin] = await sql.query<Origin>(
      `select system_identifier as known,
        xid >= ${NEXT} or $1::text is null and exists (select from robots where state_xid >= ${NEXT}) as "isAhead"
      from database_origin for update`,
      [identifier],
    );
    const look = origin ? lookAt(origin, identifier) : 'same';
    // A database may be restored and migrated to this version at the same time.
    const isRestored = (look !== 'same' && (await removeNumbers(sql)) > 0) || look === 'restored';
    await sql.query(
      'update database_origin set system_identifier = coalesce($1, system_identifier), xid = pg_current_xact_id(), epoch = epoch + $2',
      [identifier, isRestored ? 1 : 0],
    );
    return isRestored;
  });
}

/** A row from another cluster has the number of a transaction that is still to come. */
async function removeNumbers(sql: Sql): Promise<number> {
  let removed = 0;
  for (const [table, column] of Object.entries(NUMBERED)) {
    const [found] = await sql.query<{ isThere: boolean }>(`select exists (select from ${table} where ${column} >= ${NEXT}) as "isThere"`);
    if (!found?.isThere) continue;
    // A change by a transaction that begins while the update waits for its row would lose its number.
    await sql.script(`lock table ${table} in share row exclusive mode`);
    const [row] = await sql.query<{ removed: number }>(
      `with found as (update ${table} set ${column} = null where ${column} >= ${NEXT} returning 1) select count(*)::int as removed from found`,
    );
    removed += row?.removed ?? 0;
  }
  return removed;
}

async function systemIdentifier(db: Database): Promise<string | null> {
  try {
    const [row] = await db.query<{ id: string }>('select system_identifier::text as id from pg_control_system()');
    return row?.id ?? null;
  } catch (error) {
    if (UNTOLD.test(codeOf(error) ?? '')) return null;
    throw error;
  }
}
