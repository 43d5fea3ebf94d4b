// Compares a channel's values with its alert condition. Pure.
import { type AlertWhen, type ChannelConfig, holds } from '../config/index.ts';
import type { ReadingValue } from '../wire/index.ts';

/** @returns whether the value is an alert. Undefined if its type differs from the condition's, for example the null of a bad value. */
export function isAlert({ raise, clear }: AlertWhen, value: ReadingValue, before: boolean): boolean | undefined {
  if (typeof value !== typeof raise.value) return undefined;
  if (holds(raise, value)) return true;
  return clear === undefined || holds(clear, value) ? false : before;
}

/**
 * @returns the boolean that a reading has while the condition holds. For `alert_when: false` and `!= true`, this is false. Undefined if the
 * condition compares numbers or texts, and the channel reports them.
 */
export function trueMeans({ alert_when: when, report }: Pick<ChannelConfig, 'alert_when' | 'report'>): boolean | undefined {
  if (when === undefined || report.as === 'alert') return true;
  const { comparison, value } = when.raise;
  if (typeof value !== 'boolean') return undefined;
  return comparison === '!=' ? !value : value;
}
