// Reports a low battery before it is empty, with the rows that are still on the robot: the cloud can then explain a silence by the power
// instead of the network.

import { every, type Ticker } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Outbox } from '../../outbox/index.ts';
import type { Power } from '../../wire/index.ts';
import { lastWords } from '../lifecycle/run.ts';
import type { Channels } from '../sensing/channels.ts';

const LOOK_EVERY_MS = 10_000;

/** The channel whose value is a percentage (docs/reference/protocol.md). */
const CHANNEL = 'battery';

/** Hysteresis: the battery is low until it is this much above the limit. */
const GAP_PERCENT = 5;

export interface BatteryParts {
  readonly channels: Pick<Channels, 'latestValue'>;
  readonly outbox: Outbox;
  readonly clock: Clock;
  /** Percent; null: the battery is never low. */
  readonly lowBelow: number | null;
}

/** Pure: whether the battery is low. An unknown value changes nothing. */
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

  /** Appends the event `last_words` when the battery becomes low. @returns the known state of the power, undefined before the first value. */
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

/** @param report called with the state of the power after each look. */
export function watchBattery(parts: BatteryParts, report: (power: Power | undefined) => void): Ticker {
  const battery = new Battery(parts);
  return every(LOOK_EVERY_MS, () => report(battery.look()));
}
