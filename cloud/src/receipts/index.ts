export { outboxChanges } from './changes.ts';
export { cover, foldOutboxes, multirange, readAccounts } from './coverage.ts';
export { Pace, RANKS } from './pace.ts';
export { Receipts } from './receipts.ts';
