// Runs one instance of the cloud without a broker. The test sends the messages and reads the PUBACKs and receipts.
import { pino } from 'pino';
import { codeOf } from '../../../src/base/index.ts';
import { type Receipt, receipt } from '../../../src/wire/index.ts';
import type { Database } from '../../src/database/database.ts';
import { Ingest, type IngestOptions } from '../../src/ingest/ingest.ts';
import type { Message } from '../../src/messages/message.ts';
import { Pace } from '../../src/receipts/pace.ts';
import { Receipts } from '../../src/receipts/receipts.ts';
import { MonitorRows } from '../../src/robots/index.ts';

export interface InstanceOptions {
  readonly patterns?: readonly string[];
  readonly receiptIntervalMs?: number;
  readonly publishesPerSecond?: number;
  /** Takes each receipt before it counts as published. A rejection stands for a missing PUBACK. */
  readonly broker?: (receipt: Receipt) => Promise<void>;
  readonly nowMs?: () => number;
  readonly rate?: IngestOptions['rate'];
  /** Called after each commit, like the receipts. */
  readonly onCommitted?: (messages: readonly Message[]) => void;
}

export class Instance {
  readonly receipts: { readonly topic: string; readonly receipt: Receipt }[] = [];
  /** While false, publishing a receipt fails. */
  isConnected = true;
  /** SQLSTATEs of the transactions that failed. */
  readonly codes: (string | undefined)[] = [];
  readonly #ingest: Ingest;
  readonly #pace: Pace;
  readonly #receipts: Receipts;
  readonly #monitors: MonitorRows;
  #waiting: (() => void)[] = [];
  readonly #offered: (() => void)[] = [];

  constructor(
    db: Database,
    {
      patterns = ['elderly_bot'],
      receiptIntervalMs = 3_600_000,
      publishesPerSecond = 40,
      broker,
      nowMs = Date.now,
      rate,
      onCommitted,
    }: InstanceOptions = {},
  ) {
    const log = pino({ level: 'silent' });
    this.#pace = new Pace(publishesPerSecond);
    this.#receipts = new Receipts({
      db,
      log,
      intervalMs: receiptIntervalMs,
      pace: this.#pace,
      publish: async (topic, payload) => {
        for (const wake of this.#offered.splice(0)) wake();
        if (!this.isConnected) throw new Error('not connected to the broker');
        const published = receipt.parse(JSON.parse(payload));
        await broker?.(published);
        this.receipts.push({ topic, receipt: published });
        for (const wake of this.#waiting.splice(0)) wake();
      },
    });
    const transaction: Database['transaction'] = (work, limits) =>
      db.transaction(work, limits).catch((error: unknown) => {
        this.codes.push(codeOf(error));
        throw error;
      });
    this.#monitors = new MonitorRows({ db, log });
    this.#ingest = new Ingest({
      db: Object.assign(Object.create(db) as Database, { transaction }),
      patterns,
      log,
      nowMs,
      ...(rate && { rate }),
      onCommitted: (messages) => {
        this.#receipts.committed(messages);
        onCommitted?.(messages);
      },
    });
    this.#ingest.start();
  }

  /** Resolves with the PUBACK. */
  send(topic: string, message: unknown): Promise<void> {
    const payload = message instanceof Uint8Array ? message : Buffer.from(typeof message === 'string' ? message : JSON.stringify(message));
    return new Promise((done) => this.#ingest.take({ topic, payload, done }));
  }

  get load(): Ingest['load'] {
    return this.#ingest.load;
  }

  /** Waits for a receipt that fits. `from` skips earlier receipts. */
  async receipt(fits: (receipt: Receipt) => boolean, from = 0): Promise<Receipt> {
    for (;;) {
      const found = this.receipts.slice(from).find((sent) => fits(sent.receipt));
      if (found) return found.receipt;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Resolves when the instance publishes its next receipt, even if publishing fails. */
  offered(): Promise<void> {
    return new Promise((resolve) => this.#offered.push(resolve));
  }

  /** Moves the rows that are due to the inherited tables. */
  fill(): Promise<void> {
    return this.#monitors.move();
  }

  async stop(): Promise<void> {
    await this.#ingest.drain(5_000);
    await this.fill();
    this.#pace.close();
    await this.#receipts.stop();
  }
}
