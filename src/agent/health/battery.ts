// Before the battery is empty the robot says what is still on it, and that its power is going: after that its silence is the power's, not
// the network's.

import { every, type Ticker } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Outbox } from '../../outbox/index.ts';
import type { Power } from '../../wire/index.ts';
import { lastWords } from '../lifecycle/run.ts';
import type { Channels } from '../sensing/channels.ts';

const LOOK_EVERY_MS = 10_000;

/** The channel whose value is percent (contract, Telemetry). */
const CHANNEL = 'battery';

/** A value that swings about the limit is one low battery. */
const GAP_PERCENT = 5;

export interface BatteryParts {
  readonly channels: Pick<Channels, 'latestValue'>;
  readonly outbox: Outbox;
  readonly clock: Clock;
  /** Percent; null: never. */
  readonly lowBelow: number | null;
}

/** Pure: what is low now, given what was. An unknown value changes nothing. */
export function isLow(percent: unknown, lowBelow: number, wasLow: boolean): boolean {
  if (typeof percent !== 'number') return wasLow;
  return percent < lowBelow + (wasLow ? GAP_PERCENT : 0);
}

export class Battery {
  readonly #parts: BatteryParts;
  #power: Power | undefined;

  constructor(parts: BatteryParts) {
    this.#parts = parts;
  }

  /** @returns what is known of the power now; undefined where nothing is. A battery that became low has its last words said. */
  look(): Power | undefined {
    const { channels, outbox, clock, lowBelow } = this.#parts;
    const latestValue = lowBelow === null ? undefined : channels.latestValue(CHANNEL);
    if (lowBelow === null || latestValue === undefined || typeof latestValue.value !== 'number') return this.#power;
    const wasLow = this.#power?.low ?? false;
    const low = isLow(latestValue.value, lowBelow, wasLow);
    this.#power = { battery: latestValue.value, low, at: clock.wall() - Math.round(latestValue.ageMs) };
    if (low && !wasLow) lastWords('battery', outbox);
    return this.#power;
  }
}

/** @param tell what is known, after each look. */
export function watchBattery(parts: BatteryParts, tell: (power: Power | undefined) => void): Ticker {
  const battery = new Battery(parts);
  return every(LOOK_EVERY_MS, () => tell(battery.look()));
}
