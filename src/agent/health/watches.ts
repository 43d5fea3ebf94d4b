// Watches the clock, the free disk space and the battery while the agent runs.
import { statfs } from 'node:fs/promises';
import { every, type Ticker } from '../../base/index.ts';
import { ClockSteps, DISTRUST_MEANS, type SystemClock } from '../../clock/index.ts';
import { LEAST_FREE_BYTES, LEAST_FREE_FILES } from '../../outbox/index.ts';
import type { Problems, Status } from '../../status/index.ts';
import type { Power } from '../../wire/index.ts';
import type { Parts } from '../lifecycle/parts.ts';
import { appendLastWords } from '../lifecycle/run.ts';

const CLOCK_EVERY_MS = 5_000;

interface ClockParts extends Pick<Parts, 'problems'> {
  readonly lifetime: Pick<Parts['lifetime'], 'setKnownTime'>;
  readonly clock: SystemClock;
  readonly uplink: Pick<Parts['uplink'], 'status'>;
}

/**
 * Collects the evidence about the clock, raises a problem while it is not trusted, and keeps the time for the next run. Raises another problem
 * if the clock was set while the agent ran, because later readings then carry the new time. While the robot is offline, nothing else in the
 * agent can notice this.
 * @param onStep compares the clock with the cloud's time. If that is known, this problem is cleared and `clock_differs` may be raised
 * instead.
 */
export function watchClock({ clock, lifetime, problems, uplink }: ClockParts, onStep: () => void): Ticker {
  const steps = new ClockSteps();
  const check = () => {
    clock.update(uplink.status().state === 'connected');
    lifetime.setKnownTime(clock.knownMs);
    const { distrust } = clock;
    problems.set('clock_untrusted', distrust && `${distrust}; ${DISTRUST_MEANS}`);
    const stepMs = steps.update(clock);
    if (stepMs === undefined) return;
    problems.clear('clock_stepped');
    if (stepMs !== 0) {
      const direction = stepMs > 0 ? 'ahead' : 'back';
      problems.raise('clock_stepped', `the clock was set ${direction} by ${Math.round(Math.abs(stepMs) / 1_000)} s while the agent ran`);
    }
    onStep();
  };
  check();
  return every(CLOCK_EVERY_MS, check);
}

const DISK_EVERY_MS = 10_000;

/** Once raised, the problem is cleared only when the free space exceeds the limit by this factor (hysteresis). */
const DISK_GAP = 1.5;

const MIB = 1024 ** 2;

type Free = Status['disk'];

export interface DiskWatch extends Ticker {
  /** The free space that the last check found. */
  readonly free: Free;
}

/** Has no side effects. @returns whether there is too little free space. Unknown values are treated as enough. */
export function isShort({ free_bytes: bytes, free_files: files }: Free, wasShort: boolean): boolean {
  const gap = wasShort ? DISK_GAP : 1;
  return (bytes !== null && bytes < LEAST_FREE_BYTES * gap) || (files !== null && files < LEAST_FREE_FILES * gap);
}

/** Raises a problem before the disk is full. Usually other programs fill it, so the agent cannot prevent this itself. */
export function watchDisk(stateDir: string, problems: Problems): DiskWatch {
  let free: Free = { free_bytes: null, free_files: null };
  let short = false;
  const check = async () => {
    // An unreadable state directory is reported elsewhere, by the writes that fail.
    const found = await statfs(stateDir).catch(() => undefined);
    if (!found) return;
    // File systems without a fixed number of inodes, such as btrfs, report 0 files.
    const files = found.files > 0 ? found.ffree : null;
    const bytes = found.bavail * found.bsize;
    free = { free_bytes: bytes, free_files: files };
    short = isShort(free, short);
    const inodes = files === null ? '' : `, and inodes for ${files} more files,`;
    problems.set('disk_low', short ? `${(bytes / MIB).toFixed(1)} MiB free${inodes} at ${stateDir}` : undefined);
  };
  void check();
  const ticker = every(DISK_EVERY_MS, () => void check());
  return {
    get free() {
      return free;
    },
    stop: () => ticker.stop(),
  };
}

const BATTERY_EVERY_MS = 10_000;

/** By convention, this channel's value is a percentage (docs/reference/protocol.md). */
const BATTERY_CHANNEL = 'battery';

/** Once low, the battery stays low until it exceeds the limit by this much (hysteresis). */
const BATTERY_GAP_PERCENT = 5;

export interface BatteryParts extends Pick<Parts, 'outbox' | 'clock'> {
  readonly channels: Pick<Parts['channels'], 'latestValue'>;
  /** The limit in percent. If null, the battery is never reported as low. */
  readonly lowBelow: number | null;
}

/** Has no side effects. @returns whether the battery is low. An unknown value leaves the previous answer unchanged. */
export function isLow(percent: unknown, lowBelow: number, wasLow: boolean): boolean {
  if (typeof percent !== 'number') return wasLow;
  return percent < lowBelow + (wasLow ? BATTERY_GAP_PERCENT : 0);
}

/** Reports a low battery before the robot shuts down, so that the cloud can tell a robot without power from one without a network. */
export class Battery {
  readonly #parts: BatteryParts;
  #power: Power | undefined;

  constructor(parts: BatteryParts) {
    this.#parts = parts;
  }

  /** Appends a `last_words` event when the battery becomes low. @returns the last known power, or undefined before the first value. */
  check(): Power | undefined {
    const { channels, outbox, clock, lowBelow } = this.#parts;
    const latest = lowBelow === null ? undefined : channels.latestValue(BATTERY_CHANNEL);
    if (lowBelow === null || typeof latest?.value !== 'number') return this.#power;
    const wasLow = this.#power?.low ?? false;
    const low = isLow(latest.value, lowBelow, wasLow);
    this.#power = { battery: latest.value, low, at: clock.wall() - Math.round(latest.ageMs) };
    if (low && !wasLow) appendLastWords('battery', outbox);
    return this.#power;
  }
}

/** @param report is called with the power after each check. */
export function watchBattery(parts: BatteryParts, report: (power: Power | undefined) => void): Ticker {
  const battery = new Battery(parts);
  return every(BATTERY_EVERY_MS, () => report(battery.check()));
}
