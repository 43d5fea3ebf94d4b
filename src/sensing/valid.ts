// Decides which numbers of a message are measurements. A beam of a laser without an echo is 0, infinite, or beyond the laser's range.
import { type AlertWhen, type ChannelConfig, isDistance } from '../config/index.ts';

type Message = Readonly<Record<string, unknown>>;

/** Finite numbers outside `min` and `max` are no measurements. Infinities say something: too close, or no obstacle (REP 117). */
export interface Valid {
  readonly min: number;
  readonly max: number;
  /** The value if nothing was measured: infinity if a rangefinder saw no obstacle, otherwise NaN. */
  readonly ofNothing: number;
}

export type ValidRule = Pick<ChannelConfig, 'field' | 'unit' | 'scale' | 'valid' | 'alert_when'>;

/** @returns a function that returns the limits for a message, or undefined if the message has no limits. */
export function validReader({ field, unit, scale, valid, alert_when: when }: ValidRule): (message: Message) => Valid | undefined {
  if (valid !== undefined) {
    const [min, max] = valid;
    return (message) => ({ min, max, ofNothing: isDistance(unit) || isRangefinder(message) ? Number.POSITIVE_INFINITY : Number.NaN });
  }
  if (!field.startsWith('ranges[*]')) return () => undefined;
  return ({ range_min: min, range_max: max }) => {
    // A driver that leaves both at 0 has not set them.
    if (typeof min !== 'number' || typeof max !== 'number' || !(min < max)) return undefined;
    return isOutside(when?.raise, min * scale, max * scale) ? undefined : { min, max, ofNothing: Number.POSITIVE_INFINITY };
  };
}

export function isMeasured(value: unknown, { min, max }: Valid): boolean {
  const isFiniteNumber = typeof value === 'bigint' || (typeof value === 'number' && Number.isFinite(value));
  return !isFiniteNumber || (value >= min && value <= max);
}

/** sensor_msgs/Range has min_range and max_range; sensor_msgs/LaserScan and MultiEchoLaserScan have range_min and range_max. */
function isRangefinder({ min_range: low, range_min: lowest }: Message): boolean {
  return typeof low === 'number' || typeof lowest === 'number';
}

/** Whether only values outside the laser's range raise the alert. The limits would make it deaf, so that they must not be applied. */
function isOutside(raise: AlertWhen['raise'] | undefined, min: number, max: number): boolean {
  if (typeof raise?.value !== 'number') return false;
  if (raise.comparison.startsWith('<')) return raise.value <= min;
  return raise.comparison.startsWith('>') && raise.value >= max;
}
