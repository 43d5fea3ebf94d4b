// Scheduled jobs: ship the log, make backups, take pictures.
import type { Clock } from '../../clock/index.ts';
import type { Config, LoadedConfig } from '../../config/index.ts';
import type { LogFile, Logger } from '../../logs/index.ts';
import { type Db, type NewRow, Notes } from '../../outbox/index.ts';
import type { Sent } from '../../uploads/index.ts';
import { Backups } from './backups.ts';
import { schedulesOn } from './jobs.ts';
import { LogShipping } from './logShipping.ts';
import type { RunningUploads } from './uploads.ts';

/** A robot that has just been switched on may need so long until its camera is up. */
const CAMERA_PATIENCE_MS = 120_000;

export interface ScheduledParts {
  /** As it is now. */
  readonly loaded: () => LoadedConfig;
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Logger;
  readonly logFile: LogFile;
  /** Undefined if nothing is uploaded. */
  readonly uploads: RunningUploads | undefined;
  /** The agent before this one ended without a word. */
  readonly crashed: boolean;
  /** Takes a picture of the named camera; what goes wrong is said there. */
  readonly snapshot: (camera: string, patienceMs: number) => Promise<unknown>;
}

interface Job {
  readonly name: string;
  /** Cron; null: never. */
  readonly at: string | null;
  readonly work: () => Promise<void>;
}

export interface Scheduled {
  /** A row was written. */
  onRow(row: NewRow): void;
  /** @throws Error if nothing can be uploaded, or the error of a full disk. */
  shipLogs(): Promise<Sent>;
  /** Takes another configuration's times over. */
  apply(next: LoadedConfig): void;
  stop(): Promise<void>;
}

export function startScheduled({ loaded, db, clock, log, logFile, uploads, crashed, snapshot }: ScheduledParts): Scheduled {
  const notes = new Notes(db);
  const schedules = schedulesOn(notes, clock, log);
  const shipping =
    uploads && new LogShipping({ config: () => loaded().config, logFile, uploads, notes, clock, log: log.child({ module: 'logs' }) });
  shipping?.start(crashed);
  const backups = new Backups({ loaded, db, notes, uploads, clock, log: log.child({ module: 'backups' }) });
  backups.start();
  const jobsOf = ({ logs, backups: { schedule }, cameras }: Config): Job[] => [
    ...(shipping ? [{ name: 'ship_logs', at: logs.ship, work: async () => void (await shipping.ship('schedule')) }] : []),
    { name: 'backup', at: schedule, work: () => backups.make() },
    ...Object.entries(uploads ? cameras : {}).map(([name, { schedule: at = null }]) => ({
      name: `snapshot ${name}`,
      at,
      work: async () => void (await snapshot(name, CAMERA_PATIENCE_MS)),
    })),
  ];
  let jobs = jobsOf(loaded().config);
  for (const { name, at, work } of jobs) if (at !== null) schedules.add(name, at, work);
  const ticker = schedules.start();
  return {
    apply: ({ config }) => {
      const next = jobsOf(config);
      const gone = jobs.filter(({ name }) => !next.some((job) => job.name === name));
      for (const { name, work } of gone) schedules.set(name, null, work);
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
