// Creates the rows of the two inherited tables (docs/reference/protocol.md). `safety_monitor` gets a row on every change of a safety
// channel, and `system_health` at most once a minute if its values change. Otherwise each table gets a row an hour, while the robot publishes
// telemetry.
import { isNameOf, type ReadingValue } from '../../../src/wire/index.ts';
import type { Channels, StateValues } from './state.ts';

export const FILL_EVERY_MS = 3_600_000;
/** `system_health` follows its values at most this often, and the temperature in steps of half a degree, because a sensor is never still. */
export const HEALTH_EVERY_MS = 60_000;
const TEMPERATURE_STEP = 0.5;

/** The columns of `safety_monitor` are varchar(20). */
const MAX_WORD_LENGTH = 20;

export const MONITOR_TABLES = ['system_health', 'safety_monitor'] as const;
export type MonitorTable = (typeof MONITOR_TABLES)[number];

/** A row without a robot is looked for among this many, because with a silent robot the search could otherwise pass over all rows. */
const NEWEST = 1_000;

/** SQL for the id of the newest row that was reported without a robot. */
export const newestUnnamed = (
  table: MonitorTable,
): string => `(select max(t.id) from (select id from ${table} order by id desc limit ${NEWEST}) t
    left join ${table}_of o on o.id = t.id where o.id is null)`;

/** The channels of the inherited interface. The public route returns only these channels. */
export const INHERITED_CHANNELS = ['gas', 'fire', 'fall', 'stranger', 'battery', 'temperature'] as const;

const HEALTH_CHANNELS = ['battery', 'temperature'] as const;

export const SAFETY_CHANNELS = ['gas', 'fire', 'fall', 'stranger'] as const;
export const MONITOR_COLUMNS: Readonly<Record<MonitorTable, string>> = {
  system_health: 'power, temperature',
  safety_monitor: SAFETY_CHANNELS.join(', '),
};
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
  /** The last row of `system_health`, if it is known. */
  readonly health: HealthRow | null;
}

export interface DueRows {
  readonly safety: SafetyWords | null;
  readonly health: HealthRow | null;
}

/**
 * @param before the state before this message. The first value of a channel replaces the 0 that stood for it.
 * @returns the rows that are due now, or null for a table that gets no row.
 */
export function dueRows(before: StateValues, values: StateValues, channels: Channels, filled: Filled, nowMs: number): DueRows {
  const isNew = HEALTH_CHANNELS.some((channel) => typeof before[channel] !== 'number' && typeof values[channel] === 'number');
  const health = healthOf(values, channels);
  return {
    safety: changedWords(values, filled) ?? (isDue(filled.safetyMs, nowMs, FILL_EVERY_MS) ? safetyWords(values, filled) : null),
    health: isNew || isDue(filled.healthMs, nowMs, hasMoved(filled.health, health) ? HEALTH_EVERY_MS : FILL_EVERY_MS) ? health : null,
  };
}

/**
 * @param before the state before the robot announced other channels.
 * @returns the rows that replace the values of channels that the robot no longer has.
 */
export function rowsAfterRemoval(before: StateValues, values: StateValues, channels: Channels, filled: Filled): DueRows {
  const isRemoved = HEALTH_CHANNELS.some((channel) => typeof before[channel] === 'number' && values[channel] === null);
  return {
    safety: changedWords(values, filled),
    health: isRemoved && filled.healthMs !== null ? healthOf(values, channels) : null,
  };
}

/** Removes the values of channels that the robot does not have. A missing inherited channel is null, for consumers that merge objects. */
export function declaredValues(values: StateValues, channels: Channels): StateValues {
  if (channels === null) return values;
  const known = new Set(channels);
  const kept = Object.entries(values).filter(([name]) => isNameOf(name, (channel) => known.has(channel)));
  const missing = INHERITED_CHANNELS.filter((name) => !known.has(name)).map((name) => [name, null]);
  return Object.fromEntries([...kept, ...missing]) as StateValues;
}

function changedWords(values: StateValues, filled: Filled): SafetyWords | null {
  const words = safetyWords(values, filled);
  return SAFETY_CHANNELS.some((channel) => words?.[channel] !== filled.safety?.[channel]) ? words : null;
}

/** A row is also due if the clock was set back, so rows don't stop until the clock catches up. */
function isDue(lastMs: number | null, nowMs: number, everyMs: number): boolean {
  return lastMs === null || nowMs - lastMs >= everyMs || nowMs < lastMs;
}

function hasMoved(last: HealthRow | null, next: HealthRow | null): boolean {
  if (last === null || next === null) return true;
  return last.power !== next.power || Math.abs(last.temperature - next.temperature) >= TEMPERATURE_STEP;
}

/** @returns null until a safety channel is known. */
function safetyWords(values: StateValues, filled: Filled): SafetyWords | null {
  if (filled.safety === null && SAFETY_CHANNELS.every((channel) => (values[channel] ?? null) === null)) return null;
  const words = SAFETY_CHANNELS.map((channel) => [channel, wordOf(values[channel], channel === 'gas' ? 'Normal' : 'None')]);
  return Object.fromEntries(words) as SafetyWords;
}

function wordOf(value: ReadingValue | undefined, calm: string): string {
  if (value === undefined || value === null) return 'Unknown';
  if (value === true) return 'Detected';
  if (value === false) return calm;
  return Array.from(String(value)).slice(0, MAX_WORD_LENGTH).join('');
}

/**
 * Both columns are `not null`, so a channel that the robot does not have is 0, as in an answer before the first report. A robot that does
 * not announce its channels lacks those that it never sent.
 * @returns null until a value is known, and while a channel that the robot announces has none.
 */
function healthOf(values: StateValues, channels: Channels): HealthRow | null {
  const isMissing = (channel: string): boolean => (channels === null ? !(channel in values) : !channels.includes(channel));
  const [battery, temperature] = HEALTH_CHANNELS.map((channel) => (isMissing(channel) ? 0 : values[channel]));
  if (typeof battery !== 'number' || typeof temperature !== 'number') return null;
  if (HEALTH_CHANNELS.every(isMissing)) return null;
  return { power: Math.min(100, Math.max(0, Math.round(battery))), temperature };
}

/** Selects the inherited channels, in their order. */
export function inheritedChannels(values: StateValues): StateValues {
  return Object.fromEntries(INHERITED_CHANNELS.flatMap((channel) => (channel in values ? [[channel, values[channel] ?? null]] : [])));
}
