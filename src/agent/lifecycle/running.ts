// The parts of the agent that other parts reach although they start later: commands, for example, start before the uplink. The start
// fills this object in its order; everybody who holds the object sees a part from then on.
import type { Outcome } from '../../commands/index.ts';
import { AgentError } from '../../errors.ts';
import type { NewRow, Outbox } from '../../outbox/index.ts';
import type { HealthProbe } from '../../service/index.ts';
import type { Status } from '../../status/index.ts';
import type { Uplink } from '../../uplink/index.ts';
import type { Sent } from '../../uploads/index.ts';
import type { Incidents } from '../media/incidents.ts';
import type { Channels } from '../sensing/channels.ts';
import type { Scheduled } from '../uploads/scheduled.ts';

interface Parts {
  readonly outbox: Outbox;
  readonly channels: Channels;
  readonly uplink: Uplink;
  readonly incidents: Incidents;
  readonly scheduled: Scheduled;
  readonly status: () => Status;
  readonly probe: HealthProbe;
}

export class Running {
  #parts: Partial<Parts> = {};

  add(parts: Partial<Parts>): void {
    this.#parts = { ...this.#parts, ...parts };
  }

  /** @returns undefined before the part has started, and if this robot has none. */
  find<K extends keyof Parts>(name: K): Parts[K] | undefined {
    return this.#parts[name];
  }

  /** @throws AgentError before the part has started. */
  get<K extends keyof Parts>(name: K): Parts[K] {
    const part = this.find(name);
    if (part === undefined) throw new AgentError('CLOSED', `the agent is still starting: ${name} is not ready`);
    return part;
  }

  /** Called for each row that a channel has written. */
  onRow(row: NewRow): void {
    this.find('incidents')?.onRow(row);
    this.find('scheduled')?.onRow(row);
  }

  /** Takes a picture with the named camera, or with all. @param patienceMs how long to wait for the first image of a camera. */
  async snapshot(camera: string | undefined, patienceMs?: number): Promise<Outcome> {
    const incidents = this.find('incidents');
    if (incidents) return incidents.snapshot(camera, patienceMs);
    return { status: 'failed', detail: 'pictures cannot leave the robot: see uploads_failing in `elderly-bot status`' };
  }

  /** @throws if nothing can be uploaded, or the error of a full disk. */
  async shipLogs(): Promise<Sent> {
    return this.get('scheduled').shipLogs();
  }
}
