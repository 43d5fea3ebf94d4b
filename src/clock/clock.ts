// Reads the wall clock and the monotonic clock, and decides whether the wall clock can be trusted. Robots without a battery-backed clock
// start in 1970, or at the time of their last shutdown. Wall time is data; every wait uses monotonic time.
import { existsSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

export interface Clock {
  /** Milliseconds since 1970 UTC, as the machine shows them. */
  wall(): number;
  /** Milliseconds since this program started. The value never jumps, and stops only while the machine sleeps. */
  mono(): number;
  /** False if the wall clock is wrong or not synchronised yet, as far as the program can detect this. */
  trusted(): boolean;
}

/** The date of the first release. A clock that shows an earlier time is wrong. */
export const BUILD_FLOOR_MS = Date.UTC(2026, 10, 23);

/** systemd-timesyncd creates this folder at boot, and the file in it after the first synchronisation (see its man page). */
const TIMESYNC = { folder: '/run/systemd/timesync', file: '/run/systemd/timesync/synchronized' };

/**
 * Pure. The report of the time service has priority over the last known time.
 * @param lastKnownMs the latest time that an outside source confirmed in an earlier run.
 * @param synchronised undefined if the machine has no time service that reports it.
 */
export function isTrusted(wallMs: number, lastKnownMs: number, synchronised: boolean | undefined): boolean {
  if (wallMs < BUILD_FLOOR_MS || synchronised === false) return false;
  return synchronised === true || wallMs >= lastKnownMs;
}

/** Every row and every command calls `trusted()`. The time service is queried at most this often. */
const QUERY_EVERY_MS = 1_000;

export function systemClock(lastKnownWallMs: number): Clock {
  const startedAt = performance.now();
  let synchronised = timeSynchronised();
  let queriedMs = startedAt;
  const isSynchronised = () => {
    const now = performance.now();
    if (now - queriedMs >= QUERY_EVERY_MS) [synchronised, queriedMs] = [timeSynchronised(), now];
    return synchronised;
  };
  return {
    wall: () => Date.now(),
    mono: () => Math.floor(performance.now() - startedAt),
    trusted: () => isTrusted(Date.now(), lastKnownWallMs, isSynchronised()),
  };
}

/** The report of systemd-timesyncd; undefined if another service or none sets the clock (chrony, ntpd, a container). */
function timeSynchronised(): boolean | undefined {
  return existsSync(TIMESYNC.folder) ? existsSync(TIMESYNC.file) : undefined;
}

/** The permitted difference between two clocks. The cloud accepts tokens with this error, and a time service slews smaller errors. */
export const CLOCKS_DIFFER_MS = 120_000;

/** Detects steps of the wall clock while the program runs: the wall clock then moves against the monotonic clock. Pure. */
export class ClockSteps {
  /** Wall time minus monotonic time before the step. Undefined until the clock is trusted: the first correction is not a step. */
  #before: number | undefined;
  #last = 0;

  /**
   * @returns the milliseconds by which the clock is ahead of its state before the step; 0 if it was set back to that state; undefined if
   * there was no new step.
   */
  update(clock: Clock): number | undefined {
    const offset = clock.wall() - clock.mono();
    const last = this.#last;
    this.#last = offset;
    if (this.#before === undefined) {
      if (clock.trusted()) this.#before = offset;
      return undefined;
    }
    if (isStep(offset - last)) return isStep(offset - this.#before) ? offset - this.#before : 0;
    // Slewing moves the reference.
    if (!isStep(offset - this.#before)) this.#before = offset;
    return undefined;
  }
}

function isStep(ms: number): boolean {
  return Math.abs(ms) >= CLOCKS_DIFFER_MS;
}
