// What commands let the agent do itself. What is not here is refused, and not announced.

import { messageOf } from '../../base/index.ts';
import type { Outcome, OwnWork } from '../../commands/index.ts';
import type { OwnCommand } from '../../config/index.ts';
import type { Reloaded } from '../../status/index.ts';
import type { Uplink } from '../../uplink/index.ts';
import type { Sent } from '../../uploads/index.ts';

/** What this version can do. */
export const ABLE = ['ping', 'set_interval', 'reload', 'snapshot', 'ship_logs'] as const satisfies readonly OwnCommand[];

export interface OwnWorkParts {
  readonly uplink: () => Uplink;
  /** @throws where the configuration is wrong and nothing was changed. */
  readonly reload: () => Reloaded;
  /** A picture of the named camera, or of all; undefined where the robot has no camera. */
  readonly snapshot: ((camera: string | undefined) => Promise<Outcome>) | undefined;
  /** Hands the log over for its upload; undefined where nothing is uploaded. */
  readonly shipLogs: (() => Promise<Sent>) | undefined;
}

export function ownWork({ uplink, reload, snapshot, shipLogs }: OwnWorkParts): Pick<OwnWork, (typeof ABLE)[number]> {
  return {
    ...(snapshot ? { snapshot: ({ value }) => snapshot(value === undefined ? undefined : String(value)) } : {}),
    ...(shipLogs ? { ship_logs: () => shipped(shipLogs) } : {}),
    ping: () => ({ status: 'done' }),
    set_interval: ({ value }) => {
      const intervalMs = Number(value) * 1_000;
      uplink().setInterval(intervalMs);
      return { status: 'done', applied: { interval_ms: intervalMs } };
    },
    reload: () => {
      try {
        return { status: 'done', applied: reload() };
      } catch (error) {
        return { status: 'failed', detail: `nothing was changed: ${messageOf(error)}` };
      }
    },
  };
}

async function shipped(ship: () => Promise<Sent>): Promise<Outcome> {
  try {
    const { slices, size, whole } = await ship();
    const applied = { slices, size };
    return whole
      ? { status: 'done', applied }
      : { status: 'failed', detail: 'no room among what waits for its upload: see uploads.max_size' };
  } catch (error) {
    return { status: 'failed', detail: messageOf(error) };
  }
}
