// Lists the outboxes of the file: the open outbox, and earlier outboxes that still have rows or whose end the cloud does not know yet.
import { count, type Receipt, union } from '../wire/index.ts';
import type { OutboxRecord, Store } from './store.ts';

/** Messages of an earlier start may reach the cloud for this long after this start. Only a later receipt includes all of them. */
const LATE_MESSAGES_MS = 300_000;

export class Outboxes {
  readonly #store: Store;
  /** Earlier outboxes whose number of rows is uncertain until a receipt arrives: the file may have fallen back to an earlier state. */
  readonly #awaitingReceipt = new Set<string>();
  #all: OutboxRecord[] = [];
  #open!: OutboxRecord;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Starts a new outbox id in the file. @param expected ids of earlier outboxes that the cloud did not fully know. */
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

  /** Notes a receipt. Only a receipt late enough in this start includes everything that the cloud received from an earlier outbox. */
  received(record: OutboxRecord, receipt: Receipt, boot: number): void {
    if (receipt.mark[0] === boot && receipt.mark[1] > LATE_MESSAGES_MS) this.#awaitingReceipt.delete(record.id);
  }

  get awaitsReceipt(): boolean {
    return this.#awaitingReceipt.size > 0;
  }

  /** The outboxes that a presence names: the open outbox, and each outbox with unconfirmed rows, incomplete coverage or no receipt yet. */
  unfinished(): [id: string, accepted: number][] {
    const isNamed = (record: OutboxRecord) =>
      record === this.#open || this.#awaitingReceipt.has(record.id) || outstanding(record) > 0 || count(record.covered) < record.accepted;
    return this.#all.filter(isNamed).map(({ id, accepted }) => [id, accepted]);
  }

  get unconfirmed(): number {
    return this.#all.reduce((sum, record) => sum + outstanding(record), 0);
  }
}

/** The number of rows of an outbox that are neither covered by receipts nor evicted. */
export function outstanding({ accepted, covered, gone }: OutboxRecord): number {
  return accepted - count(union(covered, gone));
}
