// Wall time is data; waiting is on the monotonic clock. Whether the wall clock can be believed is a question of its own:
// robots without a battery-backed clock start in 1970, or at the time of their last shutdown.
import { existsSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

export interface Clock {
  /** Milliseconds since 1970 UTC, as the machine believes. */
  wall(): number;
  /** Milliseconds since this program started; never jumps, stops only while the machine sleeps. */
  mono(): number;
  /** False while the wall clock is known to be wrong, or known not to be synchronised yet. */
  trusted(): boolean;
}

/** No machine that runs this program can honestly show an earlier time: the first release. */
export const BUILD_FLOOR_MS = Date.UTC(2026, 10, 23);

/** systemd-timesyncd makes this folder at boot and the file in it when the time was first synchronised (its man page). */
const TIMESYNC = { folder: '/run/systemd/timesync', file: '/run/systemd/timesync/synchronized' };

/**
 * Pure: whether a wall time can be believed. What the time service says counts more than what this robot remembers.
 * @param lastKnownMs the latest time that something outside vouched for in an earlier run.
 * @param synchronised undefined where nothing on the machine says.
 */
export function isTrusted(wallMs: number, lastKnownMs: number, synchronised: boolean | undefined): boolean {
  if (wallMs < BUILD_FLOOR_MS || synchronised === false) return false;
  return synchronised === true || wallMs >= lastKnownMs;
}

/** Every row and every command asks whether the clock is trusted; the time service is asked at most this often. */
const ASK_AGAIN_MS = 1_000;

export function systemClock(lastKnownWallMs: number): Clock {
  const startedAt = performance.now();
  let synchronised = timeSynchronised();
  let askedMs = startedAt;
  const isSynchronised = () => {
    const now = performance.now();
    if (now - askedMs >= ASK_AGAIN_MS) [synchronised, askedMs] = [timeSynchronised(), now];
    return synchronised;
  };
  return {
    wall: () => Date.now(),
    mono: () => Math.floor(performance.now() - startedAt),
    trusted: () => isTrusted(Date.now(), lastKnownWallMs, isSynchronised()),
  };
}

/** What systemd-timesyncd says, where it runs; undefined elsewhere (chrony, ntpd, a container). */
function timeSynchronised(): boolean | undefined {
  return existsSync(TIMESYNC.folder) ? existsSync(TIMESYNC.file) : undefined;
}
