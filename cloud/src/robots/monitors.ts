// When the two inherited tables (docs/reference/protocol.md) get a row, and with which words: `safety_monitor` on every change of safety, and both at most
// once a minute else, as long as the robot speaks.
import type { ReadingValue } from '../../../src/wire/index.ts';
import type { StateValues } from './state.ts';

export const FILL_EVERY_MS = 60_000;

/** Their columns are varchar(20). */
const MAX_WORD_LENGTH = 20;

export const MONITOR_TABLES = ['system_health', 'safety_monitor'] as const;
export type MonitorTable = (typeof MONITOR_TABLES)[number];

export const SAFETY_CHANNELS = ['gas', 'fire', 'fall', 'stranger'] as const;
export type SafetyWords = Readonly<Record<(typeof SAFETY_CHANNELS)[number], string>>;

export interface HealthRow {
  readonly power: number;
  readonly temperature: number;
}

export interface Filled {
  /** The last row of `safety_monitor`, and when each table had its last row, in milliseconds since 1970. */
  readonly safety: SafetyWords | null;
  readonly safetyMs: number | null;
  readonly healthMs: number | null;
}

/** @returns the rows that are due now; null for a table that gets none. */
export function dueRows(values: StateValues, filled: Filled, nowMs: number): { safety: SafetyWords | null; health: HealthRow | null } {
  const words = safetyWords(values);
  const changed = SAFETY_CHANNELS.some((channel) => words?.[channel] !== filled.safety?.[channel]);
  return {
    safety: changed || isDue(filled.safetyMs, nowMs) ? words : null,
    health: isDue(filled.healthMs, nowMs) ? healthOf(values) : null,
  };
}

/** A clock that was set back must not stop the rows for as long as it was ahead. */
function isDue(lastMs: number | null, nowMs: number): boolean {
  return lastMs === null || nowMs - lastMs >= FILL_EVERY_MS || nowMs < lastMs;
}

/** Null until one of the four is known. */
function safetyWords(values: StateValues): SafetyWords | null {
  if (!SAFETY_CHANNELS.some((channel) => channel in values)) return null;
  return {
    gas: wordOf(values.gas, 'Normal'),
    fire: wordOf(values.fire, 'None'),
    fall: wordOf(values.fall, 'None'),
    stranger: wordOf(values.stranger, 'None'),
  };
}

function wordOf(value: ReadingValue | undefined, calm: string): string {
  if (value === undefined || value === null) return 'Unknown';
  if (value === true) return 'Detected';
  if (value === false) return calm;
  return Array.from(String(value)).slice(0, MAX_WORD_LENGTH).join('');
}

/** Null until both are known: neither column takes a null. */
function healthOf({ battery, temperature }: StateValues): HealthRow | null {
  if (typeof battery !== 'number' || typeof temperature !== 'number') return null;
  return { power: Math.min(100, Math.max(0, Math.round(battery))), temperature };
}
