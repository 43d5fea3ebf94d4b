// Runs the scheduled jobs: log uploads, backups and snapshots.
import * as z from 'zod';
import { parseJson } from '../../base/index.ts';
import { Schedules } from '../../clock/index.ts';
import type { Config, LoadedConfig } from '../../config/index.ts';
import { type NewRow, Notes } from '../../outbox/index.ts';
import type { Sent } from '../../uploads/index.ts';
import type { Parts } from '../lifecycle/parts.ts';
import { Backups } from './backups.ts';
import { LogShipping } from './logShipping.ts';

/** How long a camera may need for its first image if the robot has just been switched on. */
const CAMERA_PATIENCE_MS = 120_000;

/** The times of a job's runs, stored as a note in the outbox file. */
const memory = z.object({ from: z.number(), ran: z.array(z.number()) });

export interface ScheduledParts extends Pick<Parts, 'db' | 'storage' | 'credentials' | 'clock' | 'log' | 'logFile' | 'uploads'> {
  /** @returns the configuration in use. */
  readonly current: () => LoadedConfig;
  /** Whether the previous agent ended without closing its log. */
  readonly crashed: boolean;
  /** Takes an image with the named camera. Failures must be reported inside this function. */
  readonly snapshot: (camera: string, patienceMs: number) => Promise<unknown>;
}

interface Job {
  readonly name: string;
  /** A cron expression, or null if the job never runs. */
  readonly at: string | null;
  readonly work: () => Promise<void>;
}

export interface Scheduled {
  /** Must be called for each row that has been written. */
  onRow(row: NewRow): void;
  /** @throws Error if the robot cannot upload files. A file-system error, such as a full disk, is passed on. */
  shipLogs(): Promise<Sent>;
  /** Applies a new configuration's schedules. */
  apply(next: LoadedConfig): void;
  stop(): Promise<void>;
}

export function startScheduled(parts: ScheduledParts): Scheduled {
  const { current, storage, db, credentials, clock, log, logFile, uploads, crashed, snapshot } = parts;
  const notes = new Notes(db);
  const schedules = new Schedules({
    clock,
    store: {
      // A damaged note is ignored, so the job simply waits for its next scheduled time.
      read: (job) => memory.safeParse(parseJson(notes.read(`job ${job}`))).data,
      write: (job, next) => notes.write(`job ${job}`, JSON.stringify(next)),
    },
    onFailed: (job, reason) =>
      log.error({ event: 'job_failed', job }, `${job} failed: ${reason}; the agent tries again at the next scheduled time`),
  });
  const shipping =
    uploads &&
    new LogShipping({ config: () => current().config, storage, logFile, uploads, notes, clock, log: log.child({ module: 'logs' }) });
  shipping?.start(crashed);
  const backups = new Backups({ current, storage, db, credentials, notes, uploads, clock, log: log.child({ module: 'backups' }) });
  backups.start();
  const jobsOf = ({ logs, backups: { schedule }, cameras }: Config): Job[] => [
    ...(shipping ? [{ name: 'ship_logs', at: logs.ship, work: async () => void (await shipping.ship('schedule')) }] : []),
    // A backup in memory would protect nothing.
    { name: 'backup', at: storage.failure === undefined ? schedule : null, work: () => backups.make() },
    ...Object.entries(uploads ? cameras : {}).map(([name, { schedule: at = null }]) => ({
      name: `snapshot ${name}`,
      at,
      work: async () => void (await snapshot(name, CAMERA_PATIENCE_MS)),
    })),
  ];
  let jobs = jobsOf(current().config);
  for (const { name, at, work } of jobs) if (at !== null) schedules.add(name, at, work);
  const ticker = schedules.start();
  return {
    apply: ({ config }) => {
      const next = jobsOf(config);
      for (const { name, work } of jobs) if (!next.some((job) => job.name === name)) schedules.set(name, null, work);
      for (const { name, at, work } of next) schedules.set(name, at, work);
      jobs = next;
    },
    onRow: (row) => shipping?.onRow(row),
    shipLogs: () => shipping?.ship('command') ?? Promise.reject(new Error('uploads do not work: see uploads_failing in the status')),
    stop: async () => {
      ticker.stop();
      await Promise.all([shipping?.stop(), backups.stop()]);
    },
  };
}
