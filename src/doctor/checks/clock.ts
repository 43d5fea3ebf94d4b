// The clock: whether it can be believed at all, and how far it is from the cloud's. A wrong clock makes every certificate look bad.
import { BUILD_FLOOR_MS, systemClock } from '../../clock/index.ts';
import { lastKnownWallMs } from '../../state/index.ts';
import type { Finding } from '../check.ts';
import { ok, type Patient, robotCheck, skipped } from '../context.ts';
import { apiAnswer } from './cloud.ts';

/** What the cloud's device tokens and commands stand (contract: `issued_at` at most 60 s ahead). */
const SKEW_MS = 60_000;

const SET = { remedy: 'let the clock synchronise; certificates are checked against it', command: 'sudo timedatectl set-ntp true' };

/** 0 where it can't be read: that is the state directory's matter. */
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

export const clock = robotCheck('clock', 10_000, async (patient): Promise<Finding> => {
  const now = Date.now();
  const lastMs = knownWallMs(patient.config.state_dir);
  if (now < BUILD_FLOOR_MS) return wrong(`it shows ${at(now)}, which is before this program was released`);
  if (!systemClock(lastMs).trusted()) {
    return wrong(now < lastMs ? `it shows ${at(now)}, and ${at(lastMs)} has been` : `it shows ${at(now)} and is not synchronised yet`);
  }
  const both = await outsideBoth(patient, now);
  return both === undefined ? ok(at(now)) : wrong(both);
});

/** Two certificates do not run out together: it is the time that is ahead. */
async function outsideBoth({ credentials, tls }: Patient, now: number): Promise<string | undefined> {
  const leaf = (await tls)?.chain[0];
  if (credentials instanceof Error || !leaf || now <= credentials.notAfterMs || now <= leaf.notAfterMs) return undefined;
  return `it shows ${at(now)}: by that this robot’s certificate and the broker’s have both run out`;
}

export const clockSkew = robotCheck('clock_skew', 20_000, async (patient): Promise<Finding> => {
  const answer = await apiAnswer(patient);
  if (!answer) return skipped('uploads.api is not set: there is no clock to compare with');
  const { aheadMs } = answer;
  if (aheadMs === undefined) return skipped('the cloud API does not say what time it is');
  const seconds = Math.round(Math.abs(aheadMs) / 1_000);
  if (Math.abs(aheadMs) <= SKEW_MS) return ok(seconds <= 1 ? 'the same, to a second' : `${seconds} s apart`);
  const observed = `this robot’s clock is ${seconds} s ${aheadMs > 0 ? 'behind' : 'ahead of'} the cloud’s`;
  return {
    status: 'error',
    observed,
    ...SET,
    remedy: 'let the clock synchronise, here and in the cloud: commands come expired, times are wrong',
  };
});

function wrong(observed: string): Finding {
  return { status: 'error', observed, ...SET };
}

function at(ms: number): string {
  return new Date(ms).toISOString();
}
