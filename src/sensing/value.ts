// Converts a field's content into a value for the wire. An impossible value becomes null, with a reason in `bad`.
import type { ChannelConfig } from '../config/index.ts';
import type { ReadingExtra, ReadingValue } from '../wire/index.ts';

/** A message's value. If it is bad, the value is null and `bad` says why. */
export interface Sample {
  readonly value: ReadingValue;
  readonly bad?: ReadingExtra['bad'] | undefined;
  /** Set if the value is null because it is infinite. Conditions are still compared with this infinity. */
  readonly infinite?: number | undefined;
  /** The message's header stamp, in milliseconds since 1970. */
  readonly stamp?: number | undefined;
  /** Set if the message has no fields. On an event channel the message is then an occurrence, and the value stands for it. */
  readonly isEmpty?: true;
}

/** If `alert_when` is set, a value whose type differs from the condition's is bad. */
type ValueRules = Pick<ChannelConfig, 'scale' | 'min' | 'max' | 'alert_when'>;

/** A longer string is treated as bad. */
const MAX_STRING_LENGTH = 1_000;

/** Readings are rounded to this many significant digits, so that 0.87 times 100 is 87 and not 86.99999999999999. */
const SIGNIFICANT_DIGITS = 12;

/** A float32 is precise to about this many significant digits: its 0.87 arrives as 0.8700000047683716. */
const FLOAT32_DIGITS = 7;

/** @param stamp the message's header stamp, in milliseconds since 1970. */
export function convert(field: unknown, rules: ValueRules, stamp: number | undefined): Sample {
  const value = typeof field === 'bigint' ? Number(field) : field;
  if (typeof value === 'number') return convertNumber(value, rules, stamp);
  if (typeof value !== 'boolean' && typeof value !== 'string') return { value: null, bad: 'type', stamp };
  if (typeof value === 'string' && value.length > MAX_STRING_LENGTH) return { value: null, bad: 'range', stamp };
  return comparable(value, rules, stamp);
}

function convertNumber(field: number, rules: ValueRules, stamp: number | undefined): Sample {
  const { scale, min, max } = rules;
  if (!Number.isFinite(field)) return { value: null, bad: 'nan', stamp, infinite: Number.isNaN(field) ? undefined : field * scale };
  const isFloat32 = !Number.isInteger(field) && Math.fround(field) === field;
  const clean = isFloat32 ? Number(field.toPrecision(FLOAT32_DIGITS)) : field;
  const value = Number((clean * scale).toPrecision(SIGNIFICANT_DIGITS));
  const isOutside = (min !== undefined && value < min) || (max !== undefined && value > max);
  return isOutside ? { value: null, bad: 'range', stamp } : comparable(value, rules, stamp);
}

function comparable(value: boolean | number | string, { alert_when: when }: ValueRules, stamp: number | undefined): Sample {
  const isBad = when !== undefined && typeof value !== typeof when.raise.value;
  return isBad ? { value: null, bad: 'type', stamp } : { value, bad: undefined, stamp };
}

/** @returns the message's std_msgs/Header stamp in milliseconds since 1970, or undefined if there is no header or its stamp is zero. */
export function stampOf(message: Readonly<Record<string, unknown>>): number | undefined {
  const stamp = (message.header as { stamp?: { sec?: unknown; nanosec?: unknown; nsec?: unknown } } | undefined)?.stamp;
  const [sec, nanosec] = [stamp?.sec, stamp?.nanosec ?? stamp?.nsec];
  if (typeof sec !== 'number' || typeof nanosec !== 'number' || (sec === 0 && nanosec === 0)) return undefined;
  return sec * 1000 + Math.floor(nanosec / 1e6);
}
