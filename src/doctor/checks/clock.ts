// Checks whether the clock can be trusted. With a wrong clock every certificate looks invalid.
import { BUILD_FLOOR_MS, systemClock } from '../../clock/index.ts';
import { lastKnownWallMs } from '../../state/index.ts';
import { error, type Finding, ok } from '../check.ts';
import { type DoctorContext, robotCheck } from '../context.ts';

export const SET_CLOCK = 'sudo timedatectl set-ntp true';

/** @returns 0 if the time cannot be read. The check of the state directory reports that fault. */
function knownWallMs(stateDir: string): number {
  try {
    return lastKnownWallMs(stateDir);
  } catch {
    return 0;
  }
}

export function isClockTrusted(stateDir: string): boolean {
  return systemClock(knownWallMs(stateDir)).trusted();
}

export const clock = robotCheck('clock', 10_000, async (context): Promise<Finding> => {
  const now = Date.now();
  const lastMs = knownWallMs(context.config.state_dir);
  const shown = `the clock shows ${iso(now)}`;
  if (now < BUILD_FLOOR_MS) return wrong(`${shown}, which is before this program was released`);
  if (!systemClock(lastMs).trusted())
    return wrong(now < lastMs ? `${shown}, but this robot has already seen ${iso(lastMs)}` : `${shown} and is not synchronised yet`);
  if (await areBothExpired(context, now)) return wrong(`${shown}: by then this robot’s certificate and the broker’s have both expired`);
  return ok(iso(now));
});

/** Two certificates rarely expire together. So the clock is probably ahead. */
async function areBothExpired({ credentials, tls }: DoctorContext, now: number): Promise<boolean> {
  const leaf = (await tls)?.chain[0];
  return !(credentials instanceof Error) && leaf !== undefined && now > credentials.notAfterMs && now > leaf.notAfterMs;
}

function wrong(observed: string): Finding {
  return error(observed, 'let the clock synchronise; certificates are checked against it', SET_CLOCK);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
