// Runs recorded readings through the gates and alert rules of another configuration, and reports which alerts stay, move, vanish or appear.
// The record lacks the values that the recorded gates held back, so a looser gate reports less here than on the robot. The record contains
// readings and no messages, so silence and unusable messages are not compared.
import { type AlertWhen, type ChannelConfig, holds } from '../config/index.ts';
import type { NewRow } from '../outbox/index.ts';
import { type ReadingExtra, type ReadingValue, SILENT_SUFFIX, UNUSABLE_SUFFIX } from '../wire/index.ts';
import { Channel } from './channel.ts';

export interface RecordedReading {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly channel: string;
  readonly value: ReadingValue;
  readonly bad?: ReadingExtra['bad'];
  readonly stamp?: number | undefined;
  readonly alert?: ReadingExtra['alert'];
  readonly occurrences?: ReadingExtra['occurrences'];
}

/** When an alert was raised and cleared. `cleared` is null if it was still raised when the recording ended. */
export interface Incident {
  readonly raised: number;
  readonly cleared: number | null;
}

export interface ReplayedAlert {
  readonly channel: string;
  readonly change: 'same' | 'moved' | 'vanished' | 'appeared';
  readonly before: Incident | null;
  readonly after: Incident | null;
}

/** Two alerts that do not overlap are treated as the same if they start no more than this far apart. */
const SAME_WITHIN_MS = 60_000;

/** An event's alert ends by a timer, which may be this late on the robot, but not here. */
const TIMER_LATE_MS = 1_000;

/** @param readings in the order in which they were measured. */
export function replay(readings: readonly RecordedReading[], channels: Readonly<Record<string, ChannelConfig>>): ReplayedAlert[] {
  const endMs = readings.reduce((latest, { at }) => Math.max(latest, at), Number.NEGATIVE_INFINITY);
  const names = new Set([...Object.keys(channels), ...readings.map(({ channel }) => channel)]);
  const alerts = [...names].flatMap((name) => {
    const recorded = readings.filter(({ channel }) => channel === name);
    const config = channels[name];
    // Rows on such a channel report another channel's silence or unusable messages, so they are not compared.
    const hasSuffix = name.endsWith(SILENT_SUFFIX) || name.endsWith(UNUSABLE_SUFFIX);
    if (!config && hasSuffix && recorded.every(({ alert, value }) => alert && typeof value === 'boolean')) return [];
    const before = incidents(recorded.flatMap(({ at, alert }) => (alert ? [{ at, alert }] : [])));
    return compared(name, before, config ? incidents(rerun(name, config, recorded, endMs)) : [], config?.event ? TIMER_LATE_MS : 0);
  });
  return alerts.sort((a, b) => timeOf(a) - timeOf(b));
}

interface Change {
  readonly at: number;
  readonly alert: 'raised' | 'cleared';
}

function rerun(name: string, { max_silence: _, ...config }: ChannelConfig, recorded: readonly RecordedReading[], endMs: number): Change[] {
  const channel = new Channel(name, config);
  const changes: Change[] = [];
  const record = (at: number, rows: readonly NewRow[]) => {
    for (const row of rows)
      if (row.class === 'alert' && row.channel === name && row.extra?.alert) changes.push({ at, alert: row.extra.alert });
  };
  let now = Number.NEGATIVE_INFINITY;
  for (const { at, value, bad, stamp, alert } of config.clear_after === undefined ? recorded : repeated(recorded, config.clear_after)) {
    for (let due = channel.dueMs; due !== undefined && due <= at; due = channel.dueMs) record(due, channel.elapse(due));
    // The recorded time goes backwards if the clock was set back, but the channel's time must not.
    now = Math.max(now, at);
    const infinite = bad === 'nan' && alert && config.alert_when ? infinityFor(config.alert_when, alert) : undefined;
    record(now, channel.sample({ value, stamp, infinite, ...(bad ? { bad } : {}) }, now));
  }
  const last = channel.dueMs;
  // An event's alert that stood at the end of the record would otherwise seem to have ended.
  if (last !== undefined && (!config.event || last <= endMs)) record(last, channel.elapse(last));
  return changes;
}

/**
 * Adds the occurrences that the record only counts, because their gates held them back. Their times are unknown, so they are placed such
 * that the alert ends as recorded.
 */
function repeated(recorded: readonly RecordedReading[], clearAfterMs: number): readonly RecordedReading[] {
  const added = recorded.flatMap((row, end) => {
    const start = row.occurrences === undefined ? -1 : recorded.findLastIndex(({ alert }, i) => alert === 'raised' && i < end);
    const raised = recorded[start];
    const isComplete = end - start >= (row.occurrences ?? 1);
    return raised === undefined || isComplete ? [] : between(raised, row.at - clearAfterMs, clearAfterMs / 2);
  });
  return added.length === 0 ? recorded : [...recorded, ...added].sort((a, b) => a.at - b.at);
}

/** @returns copies of the row after its time, the last of them at `lastMs`, with less than `stepMs` between two of them. */
function between({ channel, value, at }: RecordedReading, lastMs: number, stepMs: number): RecordedReading[] {
  const count = Math.max(0, Math.ceil((lastMs - at) / stepMs));
  return Array.from({ length: count }, (_, i) => ({ channel, value, at: lastMs - i * stepMs }));
}

/** A recorded infinity has lost its sign. @returns the infinity that caused the recorded change. */
function infinityFor({ raise }: AlertWhen, alert: Change['alert']): number {
  const isRaisedByPositive = holds(raise, Number.POSITIVE_INFINITY);
  return isRaisedByPositive === (alert === 'raised') ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
}

function incidents(changes: readonly Change[]): Incident[] {
  const found: { raised: number; cleared: number | null }[] = [];
  for (const { at, alert } of changes) {
    const open = found.at(-1);
    // A row that raises an alert which stands is the summary of a flapping alert.
    if (alert === 'raised' && (open === undefined || open.cleared !== null)) found.push({ raised: at, cleared: null });
    else if (alert === 'cleared' && open && open.cleared === null) open.cleared = at;
  }
  return found;
}

/** @param lateMs how much later an alert may have ended in the record. */
function compared(channel: string, before: readonly Incident[], after: readonly Incident[], lateMs: number): ReplayedAlert[] {
  const left = [...after];
  const known = before.map((old): ReplayedAlert => {
    const at = left.findIndex((fresh) => isSame(old, fresh));
    const [fresh] = at === -1 ? [] : left.splice(at, 1);
    if (!fresh) return { channel, change: 'vanished', before: old, after: null };
    const stays = fresh.raised === old.raised && isSameTime(old.cleared, fresh.cleared, lateMs);
    return { channel, change: stays ? 'same' : 'moved', before: old, after: fresh };
  });
  return [...known, ...left.map((fresh): ReplayedAlert => ({ channel, change: 'appeared', before: null, after: fresh }))];
}

function isSame(a: Incident, b: Incident): boolean {
  const overlap = a.raised <= (b.cleared ?? Number.POSITIVE_INFINITY) && b.raised <= (a.cleared ?? Number.POSITIVE_INFINITY);
  return overlap || Math.abs(a.raised - b.raised) <= SAME_WITHIN_MS;
}

function isSameTime(recorded: number | null, fresh: number | null, lateMs: number): boolean {
  return recorded === null || fresh === null ? recorded === fresh : recorded >= fresh && recorded - fresh <= lateMs;
}

function timeOf({ before, after }: ReplayedAlert): number {
  return Math.min(before?.raised ?? Number.POSITIVE_INFINITY, after?.raised ?? Number.POSITIVE_INFINITY);
}
