// Keeps the records of all outboxes in the file, the open outbox and earlier ones, and decides which of them presence must list.
import { count, type Receipt, union } from '../wire/index.ts';
import type { OutboxRecord } from './records.ts';
import type { Store } from './store.ts';

/** Messages from an earlier run may reach the cloud up to this long after startup, so only a later receipt covers them all. */
const LATE_MESSAGES_MS = 300_000;

export class Outboxes {
  readonly #store: Store;
  /** Earlier outboxes whose row count is uncertain until a receipt arrives, because the file may be an older copy, such as a backup. */
  readonly #awaitingReceipt = new Set<string>();
  #all: OutboxRecord[] = [];
  #open!: OutboxRecord;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Starts a new outbox id in the file. @param expected ids of the earlier outboxes that the file must contain. */
  start(id: string, boot: number, wallMs: number, expected: readonly string[]): void {
    this.#store.openNew(id, boot, wallMs, expected);
    this.#all = this.#store.outboxes();
    this.#open = this.#all.at(-1) as OutboxRecord;
    for (const record of this.#all) if (expected.includes(record.id)) this.#awaitingReceipt.add(record.id);
  }

  get open(): OutboxRecord {
    return this.#open;
  }

  get all(): readonly OutboxRecord[] {
    return this.#all;
  }

  byId(id: string): OutboxRecord | undefined {
    return this.#all.find((record) => record.id === id);
  }

  byOrdinal(ordinal: number): OutboxRecord | undefined {
    return this.#all.find((record) => record.ordinal === ordinal);
  }

  /** Records a receipt. It settles an earlier outbox's row count if its mark is at least {@link LATE_MESSAGES_MS} into this run. */
  received(record: OutboxRecord, receipt: Receipt, boot: number): void {
    if (receipt.mark[0] === boot && receipt.mark[1] > LATE_MESSAGES_MS) this.#awaitingReceipt.delete(record.id);
  }

  get awaitsReceipt(): boolean {
    return this.#awaitingReceipt.size > 0;
  }

  /** The outboxes that presence must list: the open outbox, and any other with unconfirmed rows, incomplete coverage or no receipt yet. */
  unfinished(): [id: string, accepted: number][] {
    const isNamed = (record: OutboxRecord) =>
      record === this.#open || this.#awaitingReceipt.has(record.id) || outstanding(record) > 0 || count(record.covered) < record.accepted;
    return this.#all.filter(isNamed).map(({ id, accepted }) => [id, accepted]);
  }

  get unconfirmed(): number {
    return this.#all.reduce((sum, record) => sum + outstanding(record), 0);
  }
}

/** Returns how many of an outbox's rows are neither covered by receipts nor evicted. */
export function outstanding({ accepted, covered, gone }: OutboxRecord): number {
  return accepted - count(union(covered, gone));
}
