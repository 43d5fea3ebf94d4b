// A channel's gates against a slow model that knows nothing of timers: at every millisecond it looks at the whole history and asks what
// the documentation says. Whatever the gates, each change into and out of alert is told, at its time, and nothing else is an alert.
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
  /** An alert above this, over below `clear`. */
  readonly raise: number;
  readonly clear: number;
}

interface History {
  readonly gates: Gates;
  /** What each message says after so many milliseconds; null is NaN. */
  readonly steps: readonly (readonly [gapMs: number, value: number | null])[];
  /** How late the timer rings, and never earlier than the next message. */
  readonly lateMs: number;
}

interface Told {
  readonly atMs: number;
  readonly what: string;
}

const short = fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined });

const gap = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 0, max: 25 }) },
  { weight: 1, arbitrary: fc.integer({ min: 90, max: 200 }) },
);
const step: fc.Arbitrary<[number, number | null]> = fc.tuple(gap, fc.option(fc.integer({ min: 4, max: 14 }), { freq: 12 }));

const history: fc.Arbitrary<History> = fc.record({
  gates: fc.record({
    on: fc.constantFrom('change', 'message'),
    atMostMs: short,
    atLeastMs: short,
    deadband: fc.constantFrom(0, 0, 1, 3, 10),
    percent: fc.boolean(),
    debounceMs: fc.constantFrom(0, 0, 1, 7, 30),
    holdMs: fc.constantFrom(0, 0, 1, 7, 30),
    maxSilenceMs: fc.option(fc.constantFrom(100, 150), { nil: undefined }),
    raise: fc.constant(10),
    clear: fc.constantFrom(10, 7),
  }),
  steps: fc.array(step, { maxLength: 25, size: 'max' }),
  lateMs: fc.constantFrom(0, 0, 0, 3),
});

/** Time enough for every debounce, hold, gate and silence to end. */
const REST_MS = 250;

function channelOf(gates: Gates): Channel {
  const ms = (value: number | undefined) => (value === undefined ? undefined : `${value}ms`);
  const { c } = configSchema.shape.channels.parse({
    c: {
      topic: '/t',
      class: 'alert',
      alert_when: { raise: `> ${gates.raise}`, clear: `<= ${gates.clear}` },
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
  return new Channel('c', c);
}

/** Drives the channel as the agent does: a message when it comes, the timer when it is due, or a little late. */
function drive({ gates, steps, lateMs }: History): { told: Told[]; readings: Told[] } {
  const channel = channelOf(gates);
  const told: Told[] = [];
  const readings: Told[] = [];
  const note = (atMs: number, rows: readonly NewRow[]) => {
    for (const row of rows) {
      if (row.class === 'alert') told.push({ atMs, what: `${row.channel} ${row.extra?.alert}` });
      if ('channel' in row && row.channel === 'c') readings.push({ atMs, what: `${row.value}` });
    }
  };
  const ring = (untilMs: number) => {
    for (let due = channel.dueMs; due !== undefined && due + lateMs <= untilMs; due = channel.dueMs)
      note(due + lateMs, channel.elapse(due + lateMs));
  };
  let nowMs = 0;
  for (const [gapMs, value] of steps) {
    ring(nowMs + gapMs);
    nowMs += gapMs;
    note(nowMs, channel.accept({ data: value ?? Number.NaN }, nowMs));
  }
  ring(nowMs + REST_MS);
  return { told, readings };
}

/** The documentation, asked at every millisecond. */
function slowly({ gates, steps }: History): Told[] {
  const { raise, clear, debounceMs, holdMs, maxSilenceMs } = gates;
  const messages: { atMs: number; value: number | null }[] = [];
  let endMs = 0;
  for (const [gapMs, value] of steps) {
    endMs += gapMs;
    messages.push({ atMs: endMs, value });
  }
  const told: Told[] = [];
  let stands = false;
  let raw = false;
  /** Since when the raw condition has been what it is, without a break. */
  let sinceMs = 0;
  let known = false;
  let silent = false;
  let heardMs = 0;
  for (let atMs = 0; atMs <= endMs + REST_MS; atMs++) {
    const now = messages.filter((message) => message.atMs === atMs);
    // What has been long enough by now counts before what comes now.
    if (known && raw !== stands && atMs - sinceMs >= (stands ? holdMs : debounceMs)) {
      stands = raw;
      told.push({ atMs, what: `c ${stands ? 'raised' : 'cleared'}` });
    }
    if (!silent && maxSilenceMs !== undefined && atMs - heardMs >= maxSilenceMs) {
      silent = true;
      told.push({ atMs, what: 'c_silent raised' });
    }
    for (const { value } of now) {
      heardMs = atMs;
      if (silent) told.push({ atMs, what: 'c_silent cleared' });
      silent = false;
      if (value === null) {
        // What can't be read is no sign that it is over: the hold begins anew with the next that can.
        if (stands && !raw) known = false;
        continue;
      }
      const next: boolean = value > raise ? true : value <= clear ? false : raw;
      if (next !== raw || !known) sinceMs = atMs;
      raw = next;
      known = true;
      if (raw !== stands && atMs - sinceMs >= (stands ? holdMs : debounceMs)) {
        stands = raw;
        told.push({ atMs, what: `c ${stands ? 'raised' : 'cleared'}` });
      }
    }
  }
  return told;
}

/** No two readings closer than allowed, but for what alerts told; no reading within the deadband of the one before, but for a heartbeat. */
function wronglyTold({ gates, lateMs }: History, readings: readonly Told[], alerts: readonly Told[]): string | undefined {
  const alertTimes = new Set(alerts.filter(({ what }) => what.startsWith('c ')).map(({ atMs }) => atMs));
  for (const [i, { atMs, what }] of readings.entries()) {
    const last = readings[i - 1];
    if (last === undefined || alertTimes.has(atMs)) continue;
    if (gates.atMostMs !== undefined && atMs - last.atMs < gates.atMostMs - lateMs)
      return `${what} at ${atMs} ms is too soon after ${last.atMs} ms`;
    const [value, before] = [Number(what), Number(last.what)];
    const least = gates.percent ? (Math.abs(before) * gates.deadband) / 100 : gates.deadband;
    const isNear = what === last.what || (what !== 'null' && last.what !== 'null' && Math.abs(value - before) < least);
    const isHeartbeat = gates.atLeastMs !== undefined && atMs - last.atMs >= gates.atLeastMs - lateMs;
    if (gates.on === 'change' && isNear && !isHeartbeat) return `${what} at ${atMs} ms is no change from ${last.what}`;
  }
  return undefined;
}

/** @param count told how many messages each history had. */
export function sensingProperty(_folder: unknown, count: (steps: number) => void) {
  return fc.property(history, (one) => {
    count(one.steps.length);
    const { told, readings } = drive(one);
    const expected = slowly(one);
    if (one.lateMs === 0) assert.deepEqual(told, expected);
    else assert.deepEqual(names(told, 'c '), names(expected, 'c '));
    assert.equal(wronglyTold(one, readings, told), undefined);
  });
}

/** What was told of the alert itself, whenever. */
function names(told: readonly Told[], prefix: string): string[] {
  return told.filter(({ what }) => what.startsWith(prefix)).map(({ what }) => what);
}
