// Creates the rows of the two inherited tables (docs/reference/protocol.md). `safety_monitor` gets a row on every change of a safety
// channel. Otherwise each table gets a row at most once a minute, while the robot publishes telemetry.
import type { ReadingValue } from '../../../src/wire/index.ts';
import type { StateValues } from './state.ts';

export const FILL_EVERY_MS = 60_000;

/** The columns of `safety_monitor` are varchar(20). */
const MAX_WORD_LENGTH = 20;

export const MONITOR_TABLES = ['system_health', 'safety_monitor'] as const;
export type MonitorTable = (typeof MONITOR_TABLES)[number];

/** The channels of the inherited interface. The public route returns only these channels. */
export const INHERITED_CHANNELS = ['gas', 'fire', 'fall', 'stranger', 'battery', 'temperature'] as const;

export const SAFETY_CHANNELS = ['gas', 'fire', 'fall', 'stranger'] as const;
export type SafetyWords = Readonly<Record<(typeof SAFETY_CHANNELS)[number], string>>;

export interface HealthRow {
  readonly power: number;
  readonly temperature: number;
}

export interface Filled {
  /** The last row of `safety_monitor`. */
  readonly safety: SafetyWords | null;
  /** The times of the last rows, in milliseconds since 1970. */
  readonly safetyMs: number | null;
  readonly healthMs: number | null;
}

/** @returns the rows that are due now, or null for a table that gets no row. */
export function dueRows(values: StateValues, filled: Filled, nowMs: number): { safety: SafetyWords | null; health: HealthRow | null } {
  const words = safetyWords(values);
  const changed = SAFETY_CHANNELS.some((channel) => words?.[channel] !== filled.safety?.[channel]);
  return {
    safety: changed || isDue(filled.safetyMs, nowMs) ? words : null,
    health: isDue(filled.healthMs, nowMs) ? healthOf(values) : null,
  };
}

/** A row is also due if the clock was set back, so rows don't stop until the clock catches up. */
function isDue(lastMs: number | null, nowMs: number): boolean {
  return lastMs === null || nowMs - lastMs >= FILL_EVERY_MS || nowMs < lastMs;
}

/** @returns null until a safety channel is known. */
function safetyWords(values: StateValues): SafetyWords | null {
  if (!SAFETY_CHANNELS.some((channel) => channel in values)) return null;
  const words = SAFETY_CHANNELS.map((channel) => [channel, wordOf(values[channel], channel === 'gas' ? 'Normal' : 'None')]);
  return Object.fromEntries(words) as SafetyWords;
}

function wordOf(value: ReadingValue | undefined, calm: string): string {
  if (value === undefined || value === null) return 'Unknown';
  if (value === true) return 'Detected';
  if (value === false) return calm;
  return Array.from(String(value)).slice(0, MAX_WORD_LENGTH).join('');
}

/** @returns null until both channels are known, because both columns are `not null`. */
function healthOf({ battery, temperature }: StateValues): HealthRow | null {
  if (typeof battery !== 'number' || typeof temperature !== 'number') return null;
  return { power: Math.min(100, Math.max(0, Math.round(battery))), temperature };
}

/** Selects the inherited channels, in their order. */
export function inheritedChannels(values: StateValues): StateValues {
  return Object.fromEntries(INHERITED_CHANNELS.flatMap((channel) => (channel in values ? [[channel, values[channel] ?? null]] : [])));
}
