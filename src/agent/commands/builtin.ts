// What commands let the agent do itself. What is not here is refused, and not announced.

import { messageOf } from '../../base/index.ts';
import type { Outcome, OwnWork } from '../../commands/index.ts';
import type { OwnCommand } from '../../config/index.ts';
import type { Reloaded } from '../../status/index.ts';
import type { Running } from '../lifecycle/running.ts';

/** What this version can do. */
export const ABLE = ['ping', 'set_interval', 'reload', 'snapshot', 'ship_logs'] as const satisfies readonly OwnCommand[];

export interface OwnWorkParts {
  readonly running: Running;
  /** @throws if the configuration is wrong; then nothing was changed. */
  readonly reload: () => Reloaded;
  readonly hasCameras: boolean;
  /** Whether the configuration names an API for uploads. */
  readonly hasUploads: boolean;
}

export function ownWork({ running, reload, hasCameras, hasUploads }: OwnWorkParts): Pick<OwnWork, (typeof ABLE)[number]> {
  return {
    ...(hasCameras ? { snapshot: ({ value }) => running.snapshot(value === undefined ? undefined : String(value)) } : {}),
    ...(hasUploads ? { ship_logs: () => shipped(running) } : {}),
    ping: () => ({ status: 'done' }),
    set_interval: ({ value }) => {
      const intervalMs = Number(value) * 1_000;
      running.get('uplink').setInterval(intervalMs);
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

async function shipped(running: Running): Promise<Outcome> {
  try {
    const { slices, size, whole } = await running.shipLogs();
    const applied = { slices, size };
    return whole
      ? { status: 'done', applied }
      : { status: 'failed', detail: 'no room among what waits for its upload: see uploads.max_size' };
  } catch (error) {
    return { status: 'failed', detail: messageOf(error) };
  }
}
