export { outboxChanges } from './changes.ts';
export { cover, multirange, readAccounts } from './coverage.ts';
export { Receipts } from './receipts.ts';
