// Decides whether the wall clock can be trusted: a robot without a battery-backed clock boots with the time set to 1970, or to its last
// shutdown. Has no side effects. docs/adr/ has the reasons for the order of the evidence.
import { CLOCKS_DIFFER_MS } from './clock.ts';
import type { TimeService } from './timeService.ts';

/** The day of the first commit. A clock that shows an earlier time must be wrong. */
export const BUILD_FLOOR_MS = Date.UTC(2026, 10, 23);

/** At the monotonic time `monoMs`, the cloud's clock showed a time in this span. */
export interface CloudTime {
  readonly earliestMs: number;
  readonly latestMs: number;
  readonly monoMs: number;
}

export interface TimeFacts {
  readonly wallMs: number;
  readonly monoMs: number;
  /** The latest time that this robot has seen; 0 on its first run. */
  readonly knownMs: number;
  /** The last answer. */
  readonly service: TimeService;
  /** Wall time minus monotonic time when the service said that the clock is synchronised. Only setting the clock changes the difference. */
  readonly synchronisedOffsetMs: number | undefined;
  readonly cloud: CloudTime | undefined;
}

/** Why the clock is not trusted. */
export type Distrust = 'before_build' | 'differs_from_cloud' | 'not_synchronised' | 'before_known';

export type Trust =
  /** `by` is the source that confirms the time; undefined if nothing contradicts it. */
  { readonly trusted: true; readonly by: 'time_service' | 'cloud' | undefined } | { readonly trusted: false; readonly why: Distrust };

export function judge(facts: TimeFacts): Trust {
  const { wallMs, knownMs, service, cloud } = facts;
  if (wallMs < BUILD_FLOOR_MS) return { trusted: false, why: 'before_build' };
  if (isStillSynchronised(facts)) return { trusted: true, by: 'time_service' };
  if (cloud) return agreesWith(cloud, facts) ? { trusted: true, by: 'cloud' } : { trusted: false, why: 'differs_from_cloud' };
  // If the service had synchronised the clock, it was set since then, and the service has not been asked again.
  if (service === 'unsynchronised' || service === 'synchronised') return { trusted: false, why: 'not_synchronised' };
  return wallMs < knownMs ? { trusted: false, why: 'before_known' } : { trusted: true, by: undefined };
}

/** A clock that was synchronised once stays right until it is set: quartz drifts by seconds a day. */
function isStillSynchronised({ wallMs, monoMs, service, synchronisedOffsetMs }: TimeFacts): boolean {
  if (service !== 'synchronised' || synchronisedOffsetMs === undefined) return false;
  return Math.abs(wallMs - monoMs - synchronisedOffsetMs) < CLOCKS_DIFFER_MS;
}

function agreesWith(cloud: CloudTime, facts: Pick<TimeFacts, 'wallMs' | 'monoMs'>): boolean {
  return Math.abs(aheadOfCloudMs(cloud, facts)) < CLOCKS_DIFFER_MS;
}

/** How far the wall clock is ahead of the cloud's, in milliseconds; 0 within the span of the cloud's time. */
export function aheadOfCloudMs(cloud: CloudTime, { wallMs, monoMs }: Pick<TimeFacts, 'wallMs' | 'monoMs'>): number {
  const elapsedMs = monoMs - cloud.monoMs;
  return Math.max(0, wallMs - cloud.latestMs - elapsedMs) + Math.min(0, wallMs - cloud.earliestMs - elapsedMs);
}

/** A span that is longer says too little about the time. Receipts are up to 5 minutes apart. */
const LONGEST_SPAN_MS = 600_000;

/**
 * The cloud read its clock after it had a message that the robot sent at `sentMonoMs`, and its answer has arrived now. This stays true for a
 * delayed or repeated answer, whose span is longer.
 * @returns undefined if the answer says too little, or cannot belong to this run.
 */
export function cloudTimeOf(cloudMs: number, sentMonoMs: number, nowMonoMs: number): CloudTime | undefined {
  const spanMs = nowMonoMs - sentMonoMs;
  if (spanMs < 0 || spanMs > LONGEST_SPAN_MS) return undefined;
  return { earliestMs: cloudMs, latestMs: cloudMs + spanMs, monoMs: nowMonoMs };
}

/**
 * The latest time that this robot has seen, for {@link TimeFacts.knownMs} of the next run. A time that is confirmed replaces the one before,
 * also if it is earlier: the clock had been ahead. A time that is only not contradicted must not do that. A time after the cloud's is forgotten.
 * @param isConnected whether the broker's certificate was valid at this time, which excludes times that are wrong by years.
 */
export function knownAfter(trust: Trust, facts: TimeFacts, isConnected: boolean): number {
  const { wallMs, monoMs, knownMs, cloud } = facts;
  if (trust.trusted && trust.by === 'time_service') return wallMs;
  if (cloud) {
    const elapsedMs = monoMs - cloud.monoMs;
    return trust.trusted ? Math.min(wallMs, cloud.earliestMs + elapsedMs) : Math.min(knownMs, cloud.latestMs + elapsedMs);
  }
  return trust.trusted && isConnected ? Math.max(knownMs, wallMs) : knownMs;
}
