// Writes a batch of messages in one transaction, and says whose fault a failure is.
import { codeOf } from '../../../src/base/index.ts';
import { recordAlerts, recordStorage } from '../alerts/index.ts';
import { type Announced, takeAnnouncements } from '../auth/index.ts';
import { type Database, type Limits, refusesData, tookTooLong } from '../database/index.ts';
import type { Incoming, Message, RowsMessage } from '../messages/index.ts';
import { cover, outboxChanges } from '../receipts/index.ts';
import { type Intruder, refuseIntruders, updateRobots } from '../robots/index.ts';
import { claimUploads } from '../uploads/index.ts';
import { correctTimes } from './clock.ts';
import { insertPoison, insertRows } from './insert.ts';

export interface Stored {
  /** With poison in place of each refused message. */
  readonly messages: readonly Message[];
  readonly intruders: readonly Intruder[];
  /** The outcome for each announced certificate. */
  readonly announced: readonly Announced[];
}

/**
 * Writes a batch in one transaction. Rows and their coverage are committed together, so the coverage never claims a row that a crash
 * lost. The caller may repeat it after any failure, even if it is unknown whether the last commit succeeded.
 * @param isMixed see {@link refuseIntruders}.
 */
export function commit(
  db: Database,
  incoming: readonly Incoming[],
  given: readonly Message[],
  isMixed: boolean,
  nowMs: number,
  limits: Limits,
): Promise<Stored> {
  return db.transaction(async (sql) => {
    const { messages, intruders } = await refuseIntruders(sql, incoming, given, isMixed);
    const rows = messages.filter((message): message is RowsMessage => message.kind === 'rows');
    const corrected = await cover(sql, outboxChanges(messages));
    await insertRows(sql, rows);
    await recordAlerts(sql, messages, nowMs);
    await claimUploads(sql, rows, nowMs);
    await correctTimes(sql, rows, corrected);
    await recordStorage(sql, await updateRobots(sql, messages, nowMs), nowMs);
    await insertPoison(sql, messages);
    return { messages, intruders, announced: await takeAnnouncements(sql, rows, nowMs) };
  }, limits);
}

/** Whether a retry of this content fails again. A RangeError means too deep for JSON, or a robot above a bound of its outboxes. */
export function refuses(error: unknown): boolean {
  return refusesData(error) || error instanceof RangeError;
}

/** Whether the messages of the batch caused the failure, or their robots' rows. Else it is the database, which fails for every robot. */
export function isOfThisBatch(error: unknown): boolean {
  if (refuses(error) || tookTooLong(error)) return true;
  // A constraint, a conflict of transactions, a limit on the size of a value.
  return error instanceof TypeError || /^(23|40|54)/.test(codeOf(error) ?? '');
}
