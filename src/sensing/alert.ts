// When a value is an alert: a comparison, or a pair of them with a gap between, in which what was said last goes on. Pure.
import { type AlertWhen, holds } from '../config/index.ts';
import type { ReadingValue } from '../wire/index.ts';

/** @param before what the last value said. @returns undefined where the value says nothing: one of another type, as a bad one's null. */
export function isAlert({ raise, clear }: AlertWhen, value: ReadingValue, before: boolean): boolean | undefined {
  if (typeof value !== typeof raise.value) return undefined;
  if (holds(raise, value)) return true;
  return clear === undefined || holds(clear, value) ? false : before;
}
