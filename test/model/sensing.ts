// Compares a channel's gates with a slow model without timers, which applies the documented rules to the whole history at every
// millisecond. With any gates, each start and end of an alert is reported at its time, and nothing else is an alert.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { configSchema } from '../../src/config/index.ts';
import type { NewRow } from '../../src/outbox/index.ts';
import { Channel } from '../../src/sensing/index.ts';

interface Gates {
  readonly on: 'change' | 'message';
  readonly atMostMs: number | undefined;
  readonly atLeastMs: number | undefined;
  readonly deadband: number;
  readonly percent: boolean;
  readonly debounceMs: number;
  readonly holdMs: number;
  readonly maxSilenceMs: number | undefined;
  /** Set if the channel reports events, which have neither debounce nor hold and no condition to clear. */
  readonly clearAfterMs: number | undefined;
  /** The alert is raised above `raise` and cleared at or below `clear`. */
  readonly raise: number;
  readonly clear: number;
}

interface History {
  readonly gates: Gates;
  /**
   * The time since the previous message, and the value of the message. A null stands for a text, which no condition matches, and `empty`
   * for a message without a value.
   */
  readonly steps: readonly (readonly [gapMs: number, value: number | null | 'empty'])[];
  /** Whether the alert was raised before the start. */
  readonly isStanding: boolean;
  /** The delay of the timer. A delayed timer still runs before the next message. */
  readonly lateMs: number;
}

interface Report {
  readonly atMs: number;
  readonly text: string;
}

const short = fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined });

const gap = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 0, max: 25 }) },
  { weight: 1, arbitrary: fc.integer({ min: 90, max: 200 }) },
);
const step: fc.Arbitrary<[number, number | null]> = fc.tuple(gap, fc.option(fc.integer({ min: 4, max: 14 }), { freq: 12 }));

const gates = fc.record({
  on: fc.constantFrom('change', 'message'),
  atMostMs: short,
  atLeastMs: short,
  deadband: fc.constantFrom(0, 0, 1, 3, 10),
  percent: fc.boolean(),
  debounceMs: fc.constantFrom(0, 0, 1, 7, 30),
  holdMs: fc.constantFrom(0, 0, 1, 7, 30),
  clearAfterMs: fc.constant(undefined),
  maxSilenceMs: fc.option(fc.constantFrom(100, 150), { nil: undefined }),
  raise: fc.constant(10),
  clear: fc.constantFrom(10, 7),
} satisfies Record<keyof Gates, unknown>);

const lateMs = fc.constantFrom(0, 0, 0, 3);
const states = fc.record({ gates, steps: fc.array(step, { maxLength: 25, size: 'max' }), isStanding: fc.boolean(), lateMs });

/** The shortest `clear_after` of the configuration is 1 s, so events are further apart. */
const eventStep = fc.tuple(
  fc.oneof(gap, fc.integer({ min: 300, max: 1_500 }), fc.constantFrom(1_000, 1_001)),
  fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 4, max: 14 }) }, fc.constant(null), fc.constant('empty' as const)),
);
const events = fc.record({
  gates: gates.map((each): Gates => ({ ...each, debounceMs: 0, holdMs: 0, clear: each.raise, clearAfterMs: 1_000 })),
  steps: fc.array(eventStep, { maxLength: 15, size: 'max' }),
  isStanding: fc.boolean(),
  lateMs,
});

const history: fc.Arbitrary<History> = fc.oneof({ weight: 3, arbitrary: states }, { weight: 1, arbitrary: events });

/** Every debounce, hold, gate and silence ends within this time, and every event a `clear_after` later. */
const REST_MS = 250;

/** An unusable channel recovers after usable messages for this long. */
const RECOVERED_AFTER_MS = 5_000;

function channelOf(gates: Gates, isStanding: boolean): Channel {
  const ms = (value: number | undefined) => (value === undefined ? undefined : `${value}ms`);
  const { c } = configSchema.shape.channels.parse({
    c: {
      topic: '/t',
      class: 'alert',
      ...(gates.clearAfterMs === undefined
        ? { alert_when: { raise: `> ${gates.raise}`, clear: `<= ${gates.clear}` } }
        : { alert_when: `> ${gates.raise}`, event: true, clear_after: ms(gates.clearAfterMs) }),
      debounce: ms(gates.debounceMs),
      hold: ms(gates.holdMs),
      max_silence: ms(gates.maxSilenceMs),
      report: {
        on: gates.on,
        at_most_every: ms(gates.atMostMs),
        at_least_every: ms(gates.atLeastMs),
        deadband: gates.percent ? `${gates.deadband}%` : gates.deadband,
      },
    },
  });
  assert.ok(c);
  return new Channel('c', c, { standing: new Map(isStanding ? [['c', { alert: 'raised', incident: 'before' }]] : []) });
}

/** Drives the channel like the agent: each message at its time, and the timer when it is due or a little later. */
function drive({ gates, steps, isStanding, lateMs }: History): { alerts: Report[]; readings: Report[] } {
  const channel = channelOf(gates, isStanding);
  const alerts: Report[] = [];
  const readings: Report[] = [];
  const note = (atMs: number, rows: readonly NewRow[]) => {
    for (const row of rows) {
      const times = 'channel' in row && row.extra?.occurrences ? ` x${row.extra.occurrences}` : '';
      if (row.class === 'alert') alerts.push({ atMs, text: `${row.channel} ${row.extra?.alert}${times}` });
      if ('channel' in row && row.channel === 'c') readings.push({ atMs, text: row.extra?.bad ?? `${row.value}` });
    }
  };
  const runTimer = (untilMs: number) => {
    for (let due = channel.dueMs; due !== undefined && due + lateMs <= untilMs; due = channel.dueMs)
      note(due + lateMs, channel.elapse(due + lateMs));
  };
  let nowMs = 0;
  for (const [gapMs, value] of steps) {
    runTimer(nowMs + gapMs);
    nowMs += gapMs;
    note(nowMs, channel.accept(value === 'empty' ? {} : { data: value ?? 'text' }, nowMs));
  }
  runTimer(nowMs + REST_MS + (gates.clearAfterMs ?? 0));
  return { alerts, readings };
}

/** Applies the documented rules at every millisecond. */
function documented({ gates, steps, isStanding }: History): Report[] {
  const { raise, clear, debounceMs, holdMs, maxSilenceMs, clearAfterMs } = gates;
  const messages: { atMs: number; value: number | null | 'empty' }[] = [];
  let endMs = 0;
  for (const [gapMs, value] of steps) {
    endMs += gapMs;
    messages.push({ atMs: endMs, value });
  }
  const alerts: Report[] = [];
  let isRaised = isStanding;
  let raw = isStanding;
  let occurrences = 1;
  /** Start of the current state of the raw condition. */
  let sinceMs = 0;
  let known = false;
  let silent = false;
  let usableMs = 0;
  let unusable = false;
  let unusableMessages = 0;
  /** Start of the usable messages after an unusable one. */
  let recoveringMs = Number.POSITIVE_INFINITY;
  for (let atMs = 0; atMs <= endMs + REST_MS + (clearAfterMs ?? 0); atMs++) {
    const now = messages.filter((message) => message.atMs === atMs);
    // A debounce or hold that ends now is applied before the messages of this millisecond.
    if (clearAfterMs !== undefined && isRaised && atMs - sinceMs >= clearAfterMs) {
      isRaised = false;
      alerts.push({ atMs, text: `c cleared x${occurrences}` });
    }
    if (clearAfterMs === undefined && known && raw !== isRaised && atMs - sinceMs >= (isRaised ? holdMs : debounceMs)) {
      isRaised = raw;
      alerts.push({ atMs, text: `c ${isRaised ? 'raised' : 'cleared'}` });
    }
    if (unusable && atMs - recoveringMs >= RECOVERED_AFTER_MS) {
      unusable = false;
      recoveringMs = Number.POSITIVE_INFINITY;
      alerts.push({ atMs, text: 'c_unusable cleared' });
    }
    if (!silent && maxSilenceMs !== undefined && atMs - usableMs >= maxSilenceMs) {
      silent = true;
      alerts.push({ atMs, text: 'c_silent raised' });
    }
    for (const { value } of now) {
      if (value === null) {
        unusableMessages++;
        recoveringMs = Number.POSITIVE_INFINITY;
        if (unusableMessages === 2 && !unusable) {
          unusable = true;
          alerts.push({ atMs, text: 'c_unusable raised' });
        }
        if (clearAfterMs !== undefined) continue;
        // An unreadable value does not end an alert. The hold starts again with the next readable value.
        if (isRaised && !raw) known = false;
        continue;
      }
      usableMs = atMs;
      unusableMessages = 0;
      if (silent) alerts.push({ atMs, text: 'c_silent cleared' });
      silent = false;
      if (unusable) recoveringMs = Math.min(recoveringMs, atMs);
      if (clearAfterMs !== undefined) {
        if (value !== 'empty' && value <= raise) continue;
        // The first occurrence raises the alert, the others extend it.
        if (!isRaised) alerts.push({ atMs, text: 'c raised' });
        occurrences = isRaised ? occurrences + 1 : 1;
        isRaised = true;
        sinceMs = atMs;
        continue;
      }
      if (value === 'empty') assert.fail('only events are empty');
      const next: boolean = value > raise ? true : value <= clear ? false : raw;
      if (next !== raw || !known) sinceMs = atMs;
      raw = next;
      known = true;
      if (raw !== isRaised && atMs - sinceMs >= (isRaised ? holdMs : debounceMs)) {
        isRaised = raw;
        alerts.push({ atMs, text: `c ${isRaised ? 'raised' : 'cleared'}` });
      }
    }
  }
  return alerts;
}

/** @returns a reading that breaks the rate limit or the deadband. Alerts are exempt from both, heartbeats from the deadband. */
function wrongReading({ gates, lateMs }: History, readings: readonly Report[], alerts: readonly Report[]): string | undefined {
  const alertTimes = new Set(alerts.filter(({ text }) => text.startsWith('c ')).map(({ atMs }) => atMs));
  for (const [i, { atMs, text }] of readings.entries()) {
    const last = readings[i - 1];
    if (last === undefined || alertTimes.has(atMs)) continue;
    if (gates.atMostMs !== undefined && atMs - last.atMs < gates.atMostMs - lateMs)
      return `${text} at ${atMs} ms is too soon after ${last.atMs} ms`;
    const [value, before] = [Number(text), Number(last.text)];
    const least = gates.percent ? (Math.abs(before) * gates.deadband) / 100 : gates.deadband;
    const isNear = text === last.text || Math.abs(value - before) < least;
    const isHeartbeat = gates.atLeastMs !== undefined && atMs - last.atMs >= gates.atLeastMs - lateMs;
    if (gates.on === 'change' && isNear && !isHeartbeat) return `${text} at ${atMs} ms is no change from ${last.text}`;
  }
  return undefined;
}

/** @param count receives the number of messages of each history. */
export function sensingProperty(_folder: unknown, count: (steps: number) => void) {
  return fc.property(history, (tested) => {
    count(tested.steps.length);
    const { alerts, readings } = drive(tested);
    const expected = documented(tested);
    if (tested.lateMs === 0) assert.deepEqual(alerts, expected);
    else assert.deepEqual(names(alerts, 'c '), names(expected, 'c '));
    assert.equal(wrongReading(tested, readings, alerts), undefined);
  });
}

/** The texts of the alerts, without their times. */
function names(alerts: readonly Report[], prefix: string): string[] {
  return alerts.filter(({ text }) => text.startsWith(prefix)).map(({ text }) => text);
}
