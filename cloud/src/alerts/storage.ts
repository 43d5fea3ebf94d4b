// Raises `robot_storage` when a robot announces that it cannot write to its disk, and resolves the alert when the robot announces a disk that
// works.
import type { Sql } from '../database/index.ts';
import type { StorageChange } from '../robots/index.ts';

export const ROBOT_STORAGE = 'robot_storage';

const TEXT = 'its disk cannot be written: alerts still arrive, but it keeps them in memory only, and takes no command except stop';

/** Must be called in the transaction that stores the presences, which holds the locks of the robots. */
export async function recordStorage(sql: Sql, changes: readonly StorageChange[], nowMs: number): Promise<void> {
  for (const { thing, hasFailed, boot, ms } of changes) {
    if (hasFailed) {
      await sql.query(
        `insert into alerts (thing, incident, channel, value, raised_at) values ($1, $2, $3, $4::text::jsonb, $5)
        on conflict (thing, incident) do nothing`,
        [thing, `${ROBOT_STORAGE}/${boot}/${ms}`, ROBOT_STORAGE, JSON.stringify({ text: TEXT }), nowMs],
      );
    } else {
      await sql.query('update alerts set resolved_at = $3 where thing = $1 and channel = $2 and resolved_at is null', [
        thing,
        ROBOT_STORAGE,
        nowMs,
      ]);
    }
  }
}
