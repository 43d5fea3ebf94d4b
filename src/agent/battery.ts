// Before the battery is empty the robot says what is still on it: after that its silence is the power's, not the network's.
import { every, type Ticker } from '../clock/index.ts';
import type { Outbox } from '../outbox/index.ts';
import type { Channels } from './channels.ts';
import { lastWords } from './life.ts';

const LOOK_EVERY_MS = 10_000;

/** The channel whose value is percent (contract, Telemetry). */
const CHANNEL = 'battery';

/** A value that swings about the limit is one low battery. */
const GAP_PERCENT = 5;

export interface BatteryParts {
  readonly channels: Channels;
  readonly outbox: Outbox;
  /** Percent; null: never. */
  readonly lowBelow: number | null;
}

/** Pure: what is low now, given what was. An unknown value changes nothing. */
export function isLow(percent: unknown, lowBelow: number, wasLow: boolean): boolean {
  if (typeof percent !== 'number') return wasLow;
  return percent < lowBelow + (wasLow ? GAP_PERCENT : 0);
}

export function watchBattery({ channels, outbox, lowBelow }: BatteryParts): Ticker {
  if (lowBelow === null) return { stop: () => {} };
  let low = false;
  return every(LOOK_EVERY_MS, () => {
    const wasLow = low;
    low = isLow(channels.heard(CHANNEL)?.value, lowBelow, wasLow);
    if (low && !wasLow) lastWords('battery', outbox);
  });
}
