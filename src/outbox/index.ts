export { CommandJournal, type JournalEntry, type LoggedCommand, readJournal } from './journal.ts';
export type { Claim, ClaimLimits } from './ledger.ts';
export { Outbox, type ReceiptOutcome } from './outbox.ts';
export { type Opened, OUTBOX_FILE, openOutboxFile } from './repair.ts';
export { type NewRow, ROW_CLASSES, type RowClass, readingText, type StoredRow } from './rows.ts';
export { type Db, openDatabase } from './schema.ts';
export { dropBallast, isDiskFull, Space } from './space.ts';
export { lockStateDir, type StateLock } from './stateDir.ts';
