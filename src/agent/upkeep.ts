// What is done from time to time: the log is shipped, backups are made, cameras take a picture.
import type { Clock } from '../clock/index.ts';
import type { LoadedConfig } from '../config/index.ts';
import type { LogFile, Logger } from '../logs/index.ts';
import { type Db, type NewRow, Notes } from '../outbox/index.ts';
import type { Sent } from '../uploads/index.ts';
import { Backups } from './backups.ts';
import { schedulesOn } from './jobs.ts';
import { LogShipping } from './logShipping.ts';
import type { RunningUploads } from './uploads.ts';

/** A robot that has just been switched on may need so long until its camera is up. */
const CAMERA_PATIENCE_MS = 120_000;

export interface UpkeepParts {
  /** As it is now. */
  readonly loaded: () => LoadedConfig;
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Logger;
  readonly logFile: LogFile;
  /** Undefined where nothing is uploaded. */
  readonly uploads: RunningUploads | undefined;
  /** The agent before this one ended without a word. */
  readonly crashed: boolean;
  /** Takes a picture of the named camera; what goes wrong is said there. */
  readonly snapshot: (camera: string, patienceMs: number) => Promise<unknown>;
}

export interface Upkeep {
  /** A row was written. */
  onRow(row: NewRow): void;
  /** @throws where nothing can be uploaded, or a full disk's error. */
  shipLogs(): Promise<Sent>;
  stop(): Promise<void>;
}

export function startUpkeep({ loaded, db, clock, log, logFile, uploads, crashed, snapshot }: UpkeepParts): Upkeep {
  const { config } = loaded();
  const notes = new Notes(db);
  const schedules = schedulesOn(notes, clock, log);
  const shipping = uploads && new LogShipping({ config, logFile, uploads, notes, clock, log: log.child({ room: 'logs' }) });
  if (shipping && config.logs.ship !== null)
    schedules.add('ship_logs', config.logs.ship, async () => void (await shipping.ship('schedule')));
  shipping?.start(crashed);
  const backups = new Backups({ loaded, db, notes, uploads, clock, log: log.child({ room: 'backups' }) });
  if (config.backups.schedule !== null) schedules.add('backup', config.backups.schedule, () => backups.make());
  backups.start();
  for (const [name, { schedule }] of Object.entries(config.cameras)) {
    if (uploads && schedule !== undefined)
      schedules.add(`snapshot ${name}`, schedule, async () => void (await snapshot(name, CAMERA_PATIENCE_MS)));
  }
  const ticker = schedules.start();
  return {
    onRow: (row) => shipping?.onRow(row),
    shipLogs: () => shipping?.ship('command') ?? Promise.reject(new Error('uploads do not work: see uploads_failing in the status')),
    stop: async () => {
      ticker.stop();
      await Promise.all([shipping?.stop(), backups.stop()]);
    },
  };
}
