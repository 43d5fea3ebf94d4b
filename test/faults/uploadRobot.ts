// Runs a robot's uploads in this process with an outbox. The outbox's file contains its reports afterwards.
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { systemClock } from '../../src/clock/index.ts';
import { openOutbox, UploadRows } from '../../src/outbox/index.ts';
import { Lifetime } from '../../src/state/index.ts';
import { Problems } from '../../src/status/index.ts';
import { Uploads } from '../../src/uploads/index.ts';

const MAX_BYTES = 64 * 1024 ** 2;

export interface UploadRobotOptions {
  readonly folder: string;
  readonly thing: string;
  readonly cloud: { readonly origin: string };
  readonly credentials: { readonly cert: string; readonly key: string };
}

export class UploadRobot {
  readonly folder: string;
  readonly #uploads: Uploads;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  readonly #close: () => void;
  readonly said: string[] = [];
  #pictures = 0;

  constructor({ folder, thing, cloud, credentials }: UploadRobotOptions) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    const lifetime = Lifetime.begin(folder);
    const clock = systemClock(0);
    const { db, outbox } = openOutbox({ stateDir: folder, maxBytes: MAX_BYTES, clock, lifetime, groupMs: 50 });
    this.#uploads = new Uploads({
      thing,
      credentials,
      api: cloud.origin,
      maxKbps: null,
      pacing: 'fixed',
      isPaused: () => false,
      folder: join(folder, 'uploads'),
      maxBytes: MAX_BYTES,
      maxAgeMs: 86_400_000,
      ranMs: () => clock.mono(),
      backoff: { minMs: 10, maxMs: 200 },
      rows: new UploadRows(db),
      outbox,
      clock,
      problems: new Problems(
        () => clock.mono(),
        (state, { code, text }) => this.said.push(`${state} ${code}: ${text}`),
      ),
    });
    this.#uploads.start();
    this.#running = this.#uploads.run(this.#stopping.signal);
    this.#close = () => {
      outbox.close();
      db.close();
    };
  }

  /** @returns whether the picture will be uploaded. @throws the error of a full disk. */
  keep(bytes: Buffer): Promise<boolean> {
    const incident = `incident-${++this.#pictures}`;
    return this.#uploads.add({ kind: 'snapshot', contentType: 'image/jpeg', bytes, takenAtMs: Date.now(), incident });
  }

  get waiting(): number {
    return this.#uploads.waiting;
  }

  /** Resolves when the spool is empty. */
  async done(patienceMs: number): Promise<void> {
    for (const untilMs = performance.now() + patienceMs; this.#uploads.waiting > 0; ) {
      if (performance.now() > untilMs) throw new Error(`${this.#uploads.waiting} still wait; it said ${this.said.slice(-3).join(' | ')}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.#close();
  }
}

/** The hashes that a stopped robot reported as uploaded, with repetitions. */
export function toldBy(folder: string): string[] {
  const db = new Database(join(folder, 'outbox.db'), { readonly: true });
  try {
    const bodies = db.prepare(`select body from rows where body like '"kind":"uploaded"%'`).pluck().all() as string[];
    return bodies.map((body) => (JSON.parse(`{${body}}`) as { sha256: string }).sha256);
  } finally {
    db.close();
  }
}

/** The files in its spool. */
export function leftIn(folder: string): string[] {
  const spool = join(folder, 'uploads');
  return existsSync(spool) ? readdirSync(spool) : [];
}
