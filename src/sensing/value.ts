// Converts a field's content into a value for the wire. An impossible value becomes null, with a reason in `bad`.
import { type ChannelConfig, isExact, readingOf } from '../config/index.ts';
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
  /** Set if the value is null because the message has no such object. This meets no condition. */
  readonly isAbsent?: true;
}

/** If `alert_when` is set, a value whose type differs from the condition's is bad. */
type ValueRules = Pick<ChannelConfig, 'scale' | 'min' | 'max' | 'alert_when'>;

/** A longer string is treated as bad. */
const MAX_STRING_LENGTH = 1_000;

/** @param stamp the message's header stamp, in milliseconds since 1970. */
export function convert(field: unknown, rules: ValueRules, stamp: number | undefined): Sample {
  if (typeof field === 'number' || typeof field === 'bigint') return convertNumber(field, rules, stamp);
  if (typeof field !== 'boolean' && typeof field !== 'string') return { value: null, bad: 'type', stamp };
  if (typeof field === 'string' && field.length > MAX_STRING_LENGTH) return { value: null, bad: 'range', stamp };
  return comparable(field, rules, stamp);
}

function convertNumber(field: number | bigint, rules: ValueRules, stamp: number | undefined): Sample {
  const { scale, min, max } = rules;
  if (typeof field === 'number' && !Number.isFinite(field))
    return { value: null, bad: 'nan', stamp, infinite: Number.isNaN(field) ? undefined : field * scale };
  const value = readingOf(field, scale);
  const isOutside = (min !== undefined && value < min) || (max !== undefined && value > max);
  return isOutside || !isExact(field, value) ? { value: null, bad: 'range', stamp } : comparable(value, rules, stamp);
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
