// Which messages become readings. Pure: state and time in, decision out; a change into or out of alert never comes here.
import type { ReadingValue } from '../wire/index.ts';

export interface GateRules {
  readonly on: 'change' | 'message';
  readonly atMostEveryMs?: number | undefined;
  readonly atLeastEveryMs?: number | undefined;
  readonly deadband: number;
}

/** The last reading that passed, and when, by the monotonic clock. */
export interface GateState {
  readonly value: ReadingValue;
  readonly atMs: number;
}

export function passes(value: ReadingValue, last: GateState | undefined, nowMs: number, rules: GateRules): boolean {
  if (last === undefined) return true;
  const sinceMs = nowMs - last.atMs;
  if (rules.atMostEveryMs !== undefined && sinceMs < rules.atMostEveryMs) return false;
  if (rules.on === 'message' || changed(value, last.value, rules.deadband)) return true;
  return rules.atLeastEveryMs !== undefined && sinceMs >= rules.atLeastEveryMs;
}

function changed(value: ReadingValue, last: ReadingValue, deadband: number): boolean {
  if (typeof value === 'number' && typeof last === 'number') return deadband > 0 ? Math.abs(value - last) >= deadband : value !== last;
  return value !== last;
}
