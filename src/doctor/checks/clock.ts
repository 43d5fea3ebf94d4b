// The clock: whether it can be trusted, and its difference from the cloud's. With a wrong clock every certificate looks invalid.
import { BUILD_FLOOR_MS, systemClock } from '../../clock/index.ts';
import { lastKnownWallMs } from '../../state/index.ts';
import type { Finding } from '../check.ts';
import { type DoctorContext, ok, robotCheck, skipped } from '../context.ts';
import { apiAnswer } from './cloud.ts';

/** The difference that the cloud's device tokens and commands tolerate (docs/reference/protocol.md: `issued_at` at most 60 s ahead). */
const SKEW_MS = 60_000;

const SET = { remedy: 'let the clock synchronise; certificates are checked against it', command: 'sudo timedatectl set-ntp true' };

/** @returns 0 if the time cannot be read; the check of the state directory reports that. */
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
  if (now < BUILD_FLOOR_MS) return wrong(`the clock shows ${at(now)}, which is before this program was released`);
  if (!systemClock(lastMs).trusted()) {
    return wrong(
      now < lastMs
        ? `the clock shows ${at(now)}, but this robot has already seen ${at(lastMs)}`
        : `the clock shows ${at(now)} and is not synchronised yet`,
    );
  }
  const both = await outsideBoth(context, now);
  return both === undefined ? ok(at(now)) : wrong(both);
});

/** If both certificates have expired at once, the clock is ahead. */
async function outsideBoth({ credentials, tls }: DoctorContext, now: number): Promise<string | undefined> {
  const leaf = (await tls)?.chain[0];
  if (credentials instanceof Error || !leaf || now <= credentials.notAfterMs || now <= leaf.notAfterMs) return undefined;
  return `the clock shows ${at(now)}: by that time this robot’s certificate and the broker’s have both run out`;
}

export const clockSkew = robotCheck('clock_skew', 20_000, async (context): Promise<Finding> => {
  const answer = await apiAnswer(context);
  if (!answer) return skipped('uploads.api is not set: there is no clock to compare with');
  const { aheadMs } = answer;
  if (aheadMs === undefined) return skipped('the cloud API sends no time');
  const seconds = Math.round(Math.abs(aheadMs) / 1_000);
  if (Math.abs(aheadMs) <= SKEW_MS) return ok(seconds <= 1 ? 'the same, to a second' : `${seconds} s apart`);
  const observed = `this robot’s clock is ${seconds} s ${aheadMs > 0 ? 'behind' : 'ahead of'} the cloud’s`;
  return {
    status: 'error',
    observed,
    ...SET,
    remedy: 'let the clocks of robot and cloud synchronise: commands arrive expired, and times are wrong',
  };
});

function wrong(observed: string): Finding {
  return { status: 'error', observed, ...SET };
}

function at(ms: number): string {
  return new Date(ms).toISOString();
}
