// Declares the agent's parts and gives access to those that have started. A part may use another that starts later: for example, commands
// start before the uplink.
import type { Clock } from '../../clock/index.ts';
import type { Commands, Outcome } from '../../commands/index.ts';
import type { Config, LoadedConfig } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import type { OwnCredentials } from '../../identity/index.ts';
import type { LogFile, Logger } from '../../logs/index.ts';
import type { CommandJournal, Db, NewRow, Outbox } from '../../outbox/index.ts';
import type { RosNode } from '../../ros/index.ts';
import type { HealthProbe } from '../../service/index.ts';
import type { Lifetime, Storage } from '../../state/index.ts';
import type { Problems, Status } from '../../status/index.ts';
import type { Uplink } from '../../uplink/index.ts';
import type { Uploads } from '../../uploads/index.ts';
import type { Metrics } from '../health/metrics.ts';
import type { RunningIdentity } from '../identity/watch.ts';
import type { Cameras } from '../media/cameras.ts';
import type { Incidents } from '../media/incidents.ts';
import type { DamageWatch } from '../outbox/queue.ts';
import type { Reflex } from '../reflex/reflex.ts';
import type { Channels } from '../sensing/channels.ts';
import type { Scheduled } from '../uploads/scheduled.ts';
import type { ShutdownStack } from './shutdown.ts';

export interface Parts {
  /** The configuration at startup. A reload does not change it. */
  readonly loaded: LoadedConfig;
  readonly config: Config;
  /** Always the credentials in use, because a rotation updates this object in place. */
  readonly credentials: OwnCredentials;
  /** The folder that holds the state, which may be a stand-in for `state_dir`. */
  readonly storage: Storage;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  readonly log: Logger;
  readonly logFile: LogFile;
  readonly metrics: Metrics;
  readonly shutdown: ShutdownStack;
  readonly damage: DamageWatch;
  readonly db: Db;
  readonly outbox: Outbox;
  readonly problems: Problems;
  readonly ros: RosNode;
  readonly commands: Commands;
  readonly journal: CommandJournal;
  readonly channels: Channels;
  readonly reflex: Reflex;
  readonly uplink: Uplink;
  /** Undefined if the robot does not upload files. */
  readonly uploads: Uploads | undefined;
  readonly cameras: Cameras;
  readonly incidents: Incidents;
  readonly scheduled: Scheduled;
  readonly identity: RunningIdentity;
  readonly status: () => Status;
  readonly probe: HealthProbe;
}

export class Running {
  #parts: Partial<Parts> = {};

  add(parts: Partial<Parts>): void {
    this.#parts = { ...this.#parts, ...parts };
  }

  /** @returns undefined if the part has not started yet, or if this robot does not need it. */
  find<K extends keyof Parts>(name: K): Partial<Parts>[K] {
    return this.#parts[name];
  }

  /** @throws AgentError CLOSED if the part has not started yet. */
  get<K extends keyof Parts>(name: K): NonNullable<Parts[K]> {
    const part = this.#parts[name];
    if (part === undefined) throw new AgentError('CLOSED', `the agent is still starting: ${name} is not ready`);
    return part as NonNullable<Parts[K]>;
  }

  /** Must be called for each row that a channel has written. */
  onRow(row: NewRow): void {
    this.find('incidents')?.onRow(row);
    this.find('scheduled')?.onRow(row);
  }

  /** Takes an image with the named camera, or with all cameras. @param patienceMs how long to wait for a camera that has no fresh image. */
  async snapshot(camera: string | undefined, patienceMs?: number): Promise<Outcome> {
    const incidents = this.find('incidents');
    if (incidents) return incidents.snapshot(camera, patienceMs);
    return { status: 'failed', detail: 'images cannot leave the robot: see uploads_failing in `elderly-bot status`' };
  }
}
