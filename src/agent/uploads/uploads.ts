// Starts the uploads if the configuration names a cloud API. If the spool is unusable, the agent starts without uploads.
import { join } from 'node:path';
import { messageOf } from '../../base/index.ts';
import type { Config } from '../../config/index.ts';
import { UploadRows } from '../../outbox/index.ts';
import { Uploads, type UploadsOptions } from '../../uploads/index.ts';
import type { Parts } from '../lifecycle/parts.ts';

type UploadParts = Pick<
  Parts,
  'loaded' | 'config' | 'storage' | 'credentials' | 'db' | 'outbox' | 'clock' | 'lifetime' | 'problems' | 'shutdown'
> &
  Pick<UploadsOptions, 'isPaused'>;

/** @returns the size limit of the outbox file in bytes: `outbox.max_size` minus the share that is reserved for spooled files. */
export function rowsBytes({ outbox, uploads }: Config): number {
  return outbox.max_size - (uploads.api === null ? 0 : uploads.max_size);
}

/** @returns undefined if the robot does not upload files, or if the spool is unusable. */
export function startUploads(parts: UploadParts): Uploads | undefined {
  const { loaded, config, storage, credentials, db, outbox, clock, lifetime, problems, shutdown, isPaused } = parts;
  const { api, max_kbps: maxKbps, max_size: maxBytes, max_age: maxAgeMs, retry_min: minMs, retry_max: maxMs, pacing } = config.uploads;
  for (const { section, text } of loaded.off) if (section === 'uploads') problems.raise('uploads_failing', text);
  if (api === null) return undefined;
  const uploads = new Uploads({
    thing: config.thing,
    credentials,
    api,
    maxKbps,
    pacing,
    isPaused,
    folder: join(storage.folder, 'uploads'),
    maxBytes: storage.atMost(maxBytes),
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
  const ended = uploads.run(stopping.signal);
  shutdown.add('uploads', () => {
    stopping.abort();
    return ended;
  });
  return uploads;
}
