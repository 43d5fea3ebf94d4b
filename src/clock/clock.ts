// Reads the wall clock and the monotonic clock, and decides whether the wall clock can be trusted: a robot without a battery-backed clock
// boots with the time set to 1970, or to its last shutdown. Wall time must only be used as data. All waits use monotonic time.
import { existsSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

export interface Clock {
  /** Milliseconds since the Unix epoch, according to the machine's clock, which may be wrong. */
  wall(): number;
  /** Milliseconds since this program started. Never jumps; pauses only while the machine is suspended. */
  mono(): number;
  /** False if the wall clock is known to be wrong or has not been synchronised yet. */
  trusted(): boolean;
}

/** The day of the first commit. A clock that shows an earlier time must be wrong. */
export const BUILD_FLOOR_MS = Date.UTC(2026, 10, 23);

/** systemd-timesyncd creates this directory when it starts, and the file once the clock is synchronised (systemd-timesyncd.service(8)). */
const TIMESYNC = { folder: '/run/systemd/timesync', file: '/run/systemd/timesync/synchronized' };

/**
 * Whether to trust the wall clock. If a time service reports whether the clock is synchronised, that overrides the last known time.
 * @param lastKnownMs the latest time that an outside source confirmed in an earlier run.
 * @param synchronised undefined if no time service reports it.
 */
export function isTrusted(wallMs: number, lastKnownMs: number, synchronised: boolean | undefined): boolean {
  if (wallMs < BUILD_FLOOR_MS || synchronised === false) return false;
  return synchronised === true || wallMs >= lastKnownMs;
}

/** How long the time service's report is cached, because every row and every command calls `trusted()`. */
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

/** Returns what systemd-timesyncd reports; undefined if it is not in use, as with chrony, with ntpd or in a container. */
function timeSynchronised(): boolean | undefined {
  return existsSync(TIMESYNC.folder) ? existsSync(TIMESYNC.file) : undefined;
}

/** How far two clocks may differ. The cloud accepts tokens that are this far off, and time services correct smaller errors gradually. */
export const CLOCKS_DIFFER_MS = 120_000;

/** Detects that the wall clock has been stepped while the program is running, by comparing it with the monotonic clock. */
export class ClockSteps {
  /**
   * The difference between wall time and monotonic time before any step. Undefined until the clock is trusted, so that the first correction
   * is not taken for a step.
   */
  #before: number | undefined;
  #last = 0;

  /**
   * Must be called periodically.
   * @returns undefined if there was no step since the last call; 0 if a step has undone an earlier one; otherwise how far the clock is now
   * ahead of where it would be without any step, in milliseconds.
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
    // Follow small differences, which come from gradual corrections, so that they do not add up to a step.
    if (!isStep(offset - this.#before)) this.#before = offset;
    return undefined;
  }
}

function isStep(ms: number): boolean {
  return Math.abs(ms) >= CLOCKS_DIFFER_MS;
}
