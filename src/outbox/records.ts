// The outboxes of this file: the open one, and earlier ones of which rows are held or the cloud still has to hear something.
import { count, type Receipt, union } from '../wire/index.ts';
import type { OutboxRecord, Store } from './store.ts';

/** Messages of an earlier start may reach the cloud for this long after this start. Only a later receipt knows all of them. */
const AWAITED_FOR_MS = 300_000;

export class Records {
  readonly #store: Store;
  /** Earlier outboxes that may have been more than the file knows, if it fell back: until a receipt says what the cloud saw of them. */
  readonly #awaitingReceipt = new Set<string>();
  #all: OutboxRecord[] = [];
  #open!: OutboxRecord;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Starts a new outbox id in the file. @param expected ids of earlier outboxes that were owed to the cloud. */
  start(id: string, boot: number, wallMs: number, expected: readonly string[]): void {
    this.#open = this.#store.openNew(id, boot, wallMs, expected);
    this.#all = this.#store.outboxes(this.#open);
    for (const record of this.#all) if (expected.includes(record.id)) this.#awaitingReceipt.add(record.id);
  }

  get open(): OutboxRecord {
    return this.#open;
  }

  get all(): readonly OutboxRecord[] {
    return this.#all;
  }

  named(id: string): OutboxRecord | undefined {
    return this.#all.find((record) => record.id === id);
  }

  at(ordinal: number): OutboxRecord | undefined {
    return this.#all.find((record) => record.ordinal === ordinal);
  }

  /** Whether a receipt came late enough in this start to say what the cloud saw of an earlier outbox. */
  receiptCame(record: OutboxRecord, receipt: Receipt, boot: number): void {
    if (receipt.mark[0] === boot && receipt.mark[1] > AWAITED_FOR_MS) this.#awaitingReceipt.delete(record.id);
  }

  get awaitsReceipt(): boolean {
    return this.#awaitingReceipt.size > 0;
  }

  /** The outboxes a presence names: open, or still held, or not fully covered, or not heard of since they were open. */
  answeredFor(): [id: string, accepted: number][] {
    const named = (record: OutboxRecord) => record === this.#open || this.#awaitingReceipt.has(record.id) || !isFinished(record);
    return this.#all.filter(named).map(({ id, accepted }) => [id, accepted]);
  }

  /** Rows neither covered nor given up, over all outboxes. */
  get unconfirmed(): number {
    return this.#all.reduce((sum, record) => sum + outstanding(record), 0);
  }
}

/** How many rows of an outbox are neither covered by receipts nor given up. */
function outstanding(record: OutboxRecord): number {
  return record.accepted - count(union(record.covered, record.gone));
}

function isFinished(record: OutboxRecord): boolean {
  return outstanding(record) === 0 && count(record.covered) === record.accepted;
}
