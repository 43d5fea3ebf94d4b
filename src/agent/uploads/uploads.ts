// Uploads, if the configuration names a cloud API. If the spool cannot be used, the agent starts without uploads.
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
   * @param within runs in the transaction that records the upload.
   * @returns true once the upload is durable; false if the spool had no space for it.
   * @throws the error of a full disk.
   */
  add(upload: NewUpload, within?: () => void): Promise<boolean>;
  status(): UploadsStatus;
  /** How many files of a kind wait. */
  waitingOf(kind: UploadKind): number;
  /** Call after the clock was set: raises or clears the problem that this clock and the cloud's differ. */
  reportClock(): void;
  stop(): Promise<void>;
}

/** Bytes that the outbox's file may take: `outbox.max_size` without the share of the spooled files. */
export function rowsBytes({ outbox, uploads }: Config): number {
  return outbox.max_size - (uploads.api === null ? 0 : uploads.max_size);
}

/** @returns undefined if nothing is uploaded. */
export function startUploads(parts: UploadParts): RunningUploads | undefined {
  const { config, credentials, db, outbox, clock, lifetime, problems } = parts;
  const { api, max_kbps: maxKbps, max_size: maxBytes, max_age: maxAgeMs, retry_min: minMs, retry_max: maxMs } = config.uploads;
  if (api === null) return undefined;
  const uploads = new Uploads({
    thing: config.thing,
    credentials,
    api,
    maxKbps,
    pacing: config.uploads.pacing,
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
    reportClock: () => uploads.reportClock(),
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}
