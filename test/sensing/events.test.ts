// A channel with `event: true`: each message that meets the condition is an occurrence, and time ends the alert.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Channel } from '../../src/sensing/index.ts';
import { alerts, channel } from '../support/channel.ts';

const EMPTY = { event: true, clear_after: '30s' };
const NO_FIELDS = {};

/**
 * Drives a channel like the agent: the timer runs when it is due, and messages arrive at their times.
 * @returns each alert with its time.
 */
function alertsOf(one: Channel, messages: readonly (readonly [ms: number, message: Record<string, unknown>])[], untilMs: number): string[] {
  const found: string[] = [];
  const note = (ms: number, rows: Parameters<typeof alerts>[0]) => found.push(...alerts(rows).map((text) => `${ms} ${text}`));
  const runTimer = (untilMs: number) => {
    for (let due = one.dueMs; due !== undefined && due <= untilMs; due = one.dueMs) note(due, one.elapse(due));
  };
  for (const [ms, message] of messages) {
    runTimer(ms);
    note(ms, one.accept(message, ms));
  }
  runTimer(untilMs);
  return found;
}

describe('an event channel', () => {
  it('raises one alert for each event of std_msgs/Empty that is further apart than clear_after', () => {
    const falls = [0, 60_000, 120_000].map((ms) => [ms, NO_FIELDS] as const);
    assert.deepEqual(alertsOf(channel(EMPTY), falls, 1e6), [
      '0 raised i1',
      '30000 cleared i1 x1',
      '60000 raised i2',
      '90000 cleared i2 x1',
      '120000 raised i3',
      '150000 cleared i3 x1',
    ]);
  });

  it('extends the alert with each repetition, and counts it', () => {
    const falls = [0, 20_000, 40_000].map((ms) => [ms, NO_FIELDS] as const);
    const one = channel(EMPTY);
    assert.deepEqual(alertsOf(one, falls, 69_999), ['0 raised i1']);
    assert.equal(one.status(69_999).occurrences, 3);
    assert.deepEqual(alertsOf(one, [], 70_000), ['70000 cleared i1 x3']);
  });

  it('opens a new incident for an event exactly at the end', () => {
    assert.deepEqual(
      alertsOf(
        channel(EMPTY),
        [
          [0, NO_FIELDS],
          [30_000, NO_FIELDS],
        ],
        30_000,
      ),
      ['0 raised i1', '30000 cleared i1 x1', '30000 raised i2'],
    );
  });

  it('clears after 30 s by default', () => {
    assert.deepEqual(alertsOf(channel({ event: true }), [[0, { data: true }]], 1e6), ['0 raised i1', '30000 cleared i1 x1']);
  });

  it('takes a message that only has a header as an event, with the stamp of the header', () => {
    const [row] = channel(EMPTY).accept({ header: { stamp: { sec: 5, nanosec: 0 }, frame_id: '' } }, 0);
    assert.ok(row && 'channel' in row);
    assert.deepEqual([row.value, row.extra?.stamp], [true, 5_000]);
  });

  it('ignores false: it neither ends the alert nor counts, and is not reported as another event', () => {
    const one = channel({ ...EMPTY, report: { on: 'message' } });
    one.accept({ data: true }, 0);
    assert.deepEqual(one.accept({ data: false }, 10_000), []);
    assert.equal(one.dueMs, 30_000);
    assert.deepEqual(one.elapse(30_000), [
      { class: 'alert', channel: 'c', value: false, extra: { alert: 'cleared', incident: 'i1', occurrences: 1 } },
    ]);
    assert.deepEqual(one.accept({ data: false }, 31_000), [{ class: 'telemetry', channel: 'c', value: false, extra: {} }]);
  });

  it('reports each repetition as a reading with on: message', () => {
    const one = channel({ ...EMPTY, report: { on: 'message' } });
    one.accept(NO_FIELDS, 0);
    assert.deepEqual(one.accept(NO_FIELDS, 1_000), [{ class: 'telemetry', channel: 'c', value: true, extra: {} }]);
    const quiet = channel(EMPTY);
    quiet.accept(NO_FIELDS, 0);
    assert.deepEqual(quiet.accept(NO_FIELDS, 1_000), []);
  });

  it('compares texts and numbers with the condition; the value is null after an event that no calm value follows', () => {
    const valueAfter = (config: object, data: readonly unknown[]) => {
      const one = channel({ ...EMPTY, ...config });
      for (const [ms, value] of data.entries()) one.accept({ data: value }, ms);
      const [row] = one.elapse(60_000);
      assert.ok(row && 'channel' in row && row.extra?.alert === 'cleared');
      return row.value;
    };
    assert.equal(valueAfter({ alert_when: '== FALL' }, ['FALL']), null);
    assert.equal(valueAfter({ alert_when: '!= None' }, ['FALL', 'None']), 'None');
    assert.equal(valueAfter({ alert_when: '> 3' }, [9.5, 0.2]), 0.2);
    assert.equal(valueAfter({ alert_when: false }, [false]), true);
  });

  it('reports true and false with as: alert, also for a text', () => {
    const one = channel({ ...EMPTY, alert_when: '!= None', report: { as: 'alert', on: 'message' } });
    const values = [
      ...one.accept({ data: 'FALL' }, 0),
      ...one.accept({ data: 'None' }, 1_000),
      ...one.accept({ data: 'FALL' }, 2_000),
      ...one.elapse(32_000),
      ...one.accept({ data: 'None' }, 33_000),
    ].map((row) => 'channel' in row && [row.class, row.value]);
    assert.deepEqual(values, [
      ['alert', true],
      ['telemetry', true],
      ['alert', false],
      ['telemetry', false],
    ]);
  });

  it('ignores an unreadable message', () => {
    const one = channel({ ...EMPTY, alert_when: '> 3' });
    assert.deepEqual(
      alertsOf(
        one,
        [
          [0, { data: 5 }],
          [10_000, { data: Number.NaN }],
        ],
        1e6,
      ),
      ['0 raised i1', '18000 c_unusable raised i2', '30000 cleared i1 x1'],
    );
  });

  it('takes an Empty as an event whatever the condition says, because the type is only known at run time', () => {
    for (const when of ['== FALL', '> 3', false])
      assert.deepEqual(alertsOf(channel({ ...EMPTY, alert_when: when }), [[0, NO_FIELDS]], 1e6), ['0 raised i1', '30000 cleared i1 x1']);
  });

  it('continues the incident after a restart, and clears it clear_after later without any message', () => {
    const one = channel(EMPTY, { standing: new Map([['c', { alert: 'raised', incident: 'old' }]]), startMs: 1_000 });
    assert.equal(one.status(1_000).alert, true);
    assert.deepEqual(one.elapse(30_999), []);
    assert.deepEqual(one.elapse(31_000), [
      { class: 'alert', channel: 'c', value: false, extra: { alert: 'cleared', incident: 'old', occurrences: 1 } },
    ]);
    assert.deepEqual(alerts(one.accept(NO_FIELDS, 40_000)), ['raised i1']);
  });

  it('ends an alert that a detector without false left raised, once the channel reports events', () => {
    const one = channel({ ...EMPTY, alert_when: '== FALL' }, { standing: new Map([['c', { alert: 'raised', incident: 'old' }]]) });
    assert.deepEqual(alertsOf(one, [[5_000, { data: 'FALL' }]], 1e6), ['35000 cleared old x2']);
  });

  it('with max_silence is silent on its own, besides the alert', () => {
    const one = channel({ ...EMPTY, max_silence: '60s' });
    assert.deepEqual(alertsOf(one, [[0, { data: true }]], 1e6), ['0 raised i1', '30000 cleared i1 x1', '60000 c_silent raised i2']);
  });
});
