// Decides whether a value is an alert: by one comparison, or by two with a gap in which the previous answer holds. Pure.
import { type AlertWhen, holds } from '../config/index.ts';
import type { ReadingValue } from '../wire/index.ts';

/** @param before the answer for the previous value. @returns undefined for a value of another type, such as the null of a bad value. */
export function isAlert({ raise, clear }: AlertWhen, value: ReadingValue, before: boolean): boolean | undefined {
  if (typeof value !== typeof raise.value) return undefined;
  if (holds(raise, value)) return true;
  return clear === undefined || holds(clear, value) ? false : before;
}
