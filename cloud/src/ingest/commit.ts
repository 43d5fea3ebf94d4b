// One transaction for a batch of messages. Rows and their coverage are written in the same transaction, so the coverage never claims a
// row that was lost in a crash.
import { recordAlerts } from '../alerts/index.ts';
import { type Announced, takeAnnouncements } from '../auth/index.ts';
import type { Database } from '../database/index.ts';
import type { Message, RowsMessage } from '../messages/index.ts';
import { cover, outboxChanges } from '../receipts/index.ts';
import { updateRobots } from '../robots/index.ts';
import { claimUploads } from '../uploads/index.ts';
import { correctTimes } from './clock.ts';
import { insertPoison, insertRows } from './insert.ts';

/**
 * May be repeated after any failure, even if it is unknown whether the last commit succeeded.
 * @returns the outcome for each announced certificate.
 */
export async function commit(db: Database, messages: readonly Message[], nowMs: number): Promise<Announced[]> {
  const rows = messages.filter((message): message is RowsMessage => message.kind === 'rows');
  const changes = outboxChanges(messages);
  return db.transaction(async (sql) => {
    const corrected = await cover(sql, changes);
    await insertRows(sql, rows);
    await recordAlerts(sql, rows);
    await claimUploads(sql, rows, nowMs);
    await correctTimes(sql, rows, corrected);
    await updateRobots(sql, messages, nowMs);
    await insertPoison(sql, messages);
    return takeAnnouncements(sql, rows, nowMs);
  });
}
