// Actions of the agent itself behind commands. A command whose action is absent is refused and not announced.
import { messageOf } from '../../base/index.ts';
import type { BuiltinActions, Outcome } from '../../commands/index.ts';
import type { BuiltinCommand } from '../../config/index.ts';
import type { Reloaded } from '../../status/index.ts';
import type { Running } from '../lifecycle/running.ts';

/** The actions of this version. */
export const ACTIONS = ['ping', 'set_interval', 'reload', 'snapshot', 'ship_logs'] as const satisfies readonly BuiltinCommand[];

export interface BuiltinParts {
  readonly running: Running;
  /** @throws if the configuration is wrong; then nothing was changed. */
  readonly reload: () => Reloaded;
  readonly hasCameras: boolean;
  /** Whether the configuration names an API for uploads. */
  readonly hasUploads: boolean;
}

export function builtinActions({ running, reload, hasCameras, hasUploads }: BuiltinParts): Pick<BuiltinActions, (typeof ACTIONS)[number]> {
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
    return whole ? { status: 'done', applied } : { status: 'failed', detail: 'the upload queue is full: see uploads.max_size' };
  } catch (error) {
    return { status: 'failed', detail: messageOf(error) };
  }
}
