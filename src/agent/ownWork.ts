// What commands let the agent do itself. What is not here is refused, and not announced.
import type { Outcome, OwnWork } from '../commands/index.ts';
import type { OwnCommand } from '../config/index.ts';
import { messageOf } from '../errors.ts';
import type { Reloaded } from '../status/index.ts';
import type { Uplink } from '../uplink/index.ts';

/** What this version can do. */
export const ABLE = ['ping', 'set_interval', 'reload', 'snapshot'] as const satisfies readonly OwnCommand[];

export interface OwnWorkParts {
  readonly uplink: () => Uplink;
  /** @throws where the configuration is wrong and nothing was changed. */
  readonly reload: () => Reloaded;
  /** A picture of the named camera, or of all; undefined where the robot has no camera. */
  readonly snapshot: ((camera: string | undefined) => Promise<Outcome>) | undefined;
}

export function ownWork({ uplink, reload, snapshot }: OwnWorkParts): Pick<OwnWork, (typeof ABLE)[number]> {
  return {
    ...(snapshot ? { snapshot: ({ value }) => snapshot(value === undefined ? undefined : String(value)) } : {}),
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
