// What commands let the agent do itself. What is not here is refused, and not announced.
import type { OwnWork } from '../commands/index.ts';
import type { OwnCommand } from '../config/index.ts';
import { messageOf } from '../errors.ts';
import type { Reloaded } from '../status/index.ts';
import type { Uplink } from '../uplink/index.ts';

/** What this version can do. */
export const ABLE = ['ping', 'set_interval', 'reload'] as const satisfies readonly OwnCommand[];

/** @param reload throws where the configuration is wrong and nothing was changed. */
export function ownWork(uplink: () => Uplink, reload: () => Reloaded): Required<Pick<OwnWork, (typeof ABLE)[number]>> {
  return {
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
