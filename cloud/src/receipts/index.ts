export { outboxChanges } from './changes.ts';
export { cover, foldOutboxes, multirange, readAccounts } from './coverage.ts';
export { Receipts } from './receipts.ts';
