// Runs one instance of the cloud: its real ingest and its real receipts, on the model's broker and database, with a clock of its own.
import { Ingest } from '../../cloud/src/ingest/ingest.ts';
import { Pace } from '../../cloud/src/receipts/pace.ts';
import { Receipts } from '../../cloud/src/receipts/receipts.ts';
import { createLog } from '../../src/logs/index.ts';
import type { Receipt } from '../../src/wire/index.ts';
import type { Broker } from './broker.ts';
import type { Connection, MemoryDatabase } from './database.ts';
import type { VirtualTime } from './time.ts';

const LOG = createLog('silent');

/** The cloud's defaults. */
const RECEIPT_INTERVAL_MS = 300_000;
const PUBLISHES_PER_SECOND = 40;

export interface CloudParts {
  readonly time: VirtualTime;
  readonly broker: Broker;
  readonly database: MemoryDatabase;
  /** Replaces each receipt before it is sent. Planted faults use this. */
  readonly onReceipt: (receipt: Receipt) => Receipt;
}

export class CloudInstance {
  skewMs = 0;
  readonly #parts: CloudParts;
  #running: { readonly connection: Connection; readonly leave: () => void } | undefined;

  constructor(parts: CloudParts) {
    this.#parts = parts;
    this.start();
  }

  start(): void {
    if (this.#running) return;
    const { time, broker, database, onReceipt } = this.#parts;
    const connection = database.connect();
    let alive = true;
    const receipts = new Receipts({
      db: connection.database,
      log: LOG,
      intervalMs: RECEIPT_INTERVAL_MS,
      pace: new Pace(PUBLISHES_PER_SECOND),
      publish: (topic, payload) => {
        if (!alive) return new Promise(() => {});
        return broker.publish(topic, JSON.stringify(onReceipt(JSON.parse(payload) as Receipt)));
      },
      monotonicMs: () => time.nowMs,
    });
    const ingest = new Ingest({
      db: connection.database,
      patterns: ['elderly_bot'],
      log: LOG,
      nowMs: () => Date.UTC(2027, 0, 1) + this.skewMs + time.nowMs,
      onCommitted: (messages) => {
        if (alive) receipts.committed(messages);
      },
    });
    ingest.start();
    const leave = broker.subscribe((topic, payload) => ingest.take({ topic, payload, done: () => {} }));
    this.#running = {
      connection,
      leave: () => {
        alive = false;
        leave();
      },
    };
  }

  /** Kills the instance. Loses its uncommitted work. */
  kill(): void {
    this.#running?.leave();
    this.#running?.connection.cut();
    this.#running = undefined;
  }
}
