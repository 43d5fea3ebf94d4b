// Checks whether the clock can be trusted. If it is wrong, valid certificates look expired or not yet valid.
import { BUILD_FLOOR_MS, systemClock } from '../../clock/index.ts';
import { lastKnownWallMs } from '../../state/index.ts';
import { error, type Finding, ok } from '../check.ts';
import { type DoctorContext, robotCheck } from '../context.ts';

export const SET_CLOCK = 'sudo timedatectl set-ntp true';

/** Returns 0 if the last known time is unreadable, because the state_dir check reports that. */
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

/** The robot's and the broker's certificates rarely expire at the same time: if both look expired, the clock is probably ahead. */
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
