// Uploads, where the configuration names a cloud API. A spool that can't be used costs pictures, never the start.
import { join } from 'node:path';
import { messageOf } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Config } from '../../config/index.ts';
import type { Credentials } from '../../identity/index.ts';
import { type Db, type Outbox, UploadRows } from '../../outbox/index.ts';
import type { Lifetime } from '../../state/index.ts';
import type { Problems, UploadsStatus } from '../../status/index.ts';
import { type NewUpload, type UploadKind, Uploads } from '../../uploads/index.ts';

export interface UploadParts {
  readonly config: Config;
  readonly credentials: Credentials;
  readonly db: Db;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  readonly problems: Problems;
}

export interface RunningUploads {
  /**
   * Durable when it resolves to true; false where there was no room for it.
   * @param within runs in the transaction that records it.
   * @throws a full disk's error.
   */
  add(upload: NewUpload, within?: () => void): Promise<boolean>;
  status(): UploadsStatus;
  /** How many files of a kind wait. */
  waitingOf(kind: UploadKind): number;
  /** The clock was set: whether it is the cloud's now. */
  tellClock(): void;
  stop(): Promise<void>;
}

/** What the outbox's file may take: all of its size but the share that waiting files have. */
export function rowsBytes({ outbox, uploads }: Config): number {
  return outbox.max_size - (uploads.api === null ? 0 : uploads.max_size);
}

/** @returns undefined where nothing is to be uploaded. */
export function startUploads(parts: UploadParts): RunningUploads | undefined {
  const { config, credentials, db, outbox, clock, lifetime, problems } = parts;
  const { api, max_kbps: maxKbps, max_size: maxBytes, max_age: maxAgeMs, retry_min: minMs, retry_max: maxMs } = config.uploads;
  if (api === null) return undefined;
  const uploads = new Uploads({
    thing: config.thing,
    credentials,
    api,
    maxKbps,
    folder: join(config.state_dir, 'uploads'),
    maxBytes,
    maxAgeMs,
    ranMs: () => lifetime.ranBeforeMs + clock.mono(),
    backoff: { minMs, maxMs },
    rows: new UploadRows(db),
    outbox,
    clock,
    problems,
  });
  try {
    uploads.start();
  } catch (error) {
    problems.raise('uploads_failing', messageOf(error));
    return undefined;
  }
  const stopping = new AbortController();
  const running = uploads.run(stopping.signal);
  return {
    add: (upload, within) => uploads.add(upload, within),
    status: () => uploads.status(),
    waitingOf: (kind) => uploads.waitingOf(kind),
    tellClock: () => uploads.tellClock(),
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}
