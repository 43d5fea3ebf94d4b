// Writes a batch of messages in one transaction, and says whose fault a failure is.
import { codeOf } from '../../../src/base/index.ts';
import { recordAlerts, recordStorage } from '../alerts/index.ts';
import { type Announced, takeAnnouncements } from '../auth/index.ts';
import { type Database, type Limits, refusesData, tookTooLong } from '../database/index.ts';
import type { Message, RowsMessage } from '../messages/index.ts';
import { cover, outboxChanges } from '../receipts/index.ts';
import { updateRobots } from '../robots/index.ts';
import { claimUploads } from '../uploads/index.ts';
import { correctTimes } from './clock.ts';
import { insertPoison, insertRows } from './insert.ts';

/**
 * Writes a batch in one transaction. Rows and their coverage are committed together, so the coverage never claims a row that a crash
 * lost. The caller may repeat it after any failure, even if it is unknown whether the last commit succeeded.
 * @returns the outcome for each announced certificate.
 */
export function commit(db: Database, messages: readonly Message[], nowMs: number, limits: Limits): Promise<Announced[]> {
  const rows = messages.filter((message): message is RowsMessage => message.kind === 'rows');
  return db.transaction(async (sql) => {
    const corrected = await cover(sql, outboxChanges(messages));
    await insertRows(sql, rows);
    await recordAlerts(sql, messages, nowMs);
    await claimUploads(sql, rows, nowMs);
    await correctTimes(sql, rows, corrected);
    await recordStorage(sql, await updateRobots(sql, messages, nowMs), nowMs);
    await insertPoison(sql, messages);
    return takeAnnouncements(sql, rows, nowMs);
  }, limits);
}

/** Whether a retry of this content fails again. A RangeError means that it can't be serialized, for example JSON that is nested too deeply. */
export function refuses(error: unknown): boolean {
  return refusesData(error) || error instanceof RangeError;
}

/** Whether the messages of the batch caused the failure, or their robots' rows. Else it is the database, which fails for every robot. */
export function isOfThisBatch(error: unknown): boolean {
  if (refuses(error) || tookTooLong(error)) return true;
  // A constraint, a conflict of transactions, a limit on the size of a value.
  return error instanceof TypeError || /^(23|40|54)/.test(codeOf(error) ?? '');
}
