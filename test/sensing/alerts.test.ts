import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configSchema } from '../../src/config/index.ts';
import type { NewRow } from '../../src/outbox/index.ts';
import { Channel } from '../../src/sensing/index.ts';
import { alerts, channel } from '../support/channel.ts';

function alertsOf(one: Channel, messages: readonly (readonly [ms: number, data: unknown])[]): string[] {
  return messages.flatMap(([ms, data]) => alerts(one.accept({ data }, ms)));
}

describe('the alert condition', () => {
  it('is true by default', () => {
    assert.deepEqual(
      alertsOf(channel({}), [
        [0, false],
        [1, true],
        [2, true],
        [3, false],
      ]),
      ['raised i1', 'cleared i1'],
    );
  });

  it('may be false, as for a heartbeat', () => {
    assert.deepEqual(
      alertsOf(channel({ alert_when: false }), [
        [0, true],
        [1, false],
        [2, true],
      ]),
      ['raised i1', 'cleared i1'],
    );
  });

  it('may be a number beyond a limit, and each alert gets its own incident', () => {
    const messages = [
      [0, 60],
      [1, 60.1],
      [2, 70],
      [3, 60],
      [4, 61],
    ] as const;
    assert.deepEqual(alertsOf(channel({ alert_when: '> 60' }), messages), ['raised i1', 'cleared i1', 'raised i2']);
  });

  it('may be the difference from a string', () => {
    assert.deepEqual(
      alertsOf(channel({ alert_when: '!= None' }), [
        [0, 'None'],
        [1, 'Smoke'],
        [2, 'Fire'],
        [3, 'None'],
      ]),
      ['raised i1', 'cleared i1'],
    );
  });

  it('may have a gap in which the alert continues', () => {
    const one = channel({ alert_when: { raise: '> 60', clear: '< 50' } });
    assert.deepEqual(
      alertsOf(one, [
        [0, 55],
        [1, 61],
        [2, 55],
        [3, 61],
        [4, 49],
        [5, 55],
      ]),
      ['raised i1', 'cleared i1'],
    );
  });

  it('is the reading with `as: alert`, after debounce and hold, instead of the number', () => {
    const gas = channel({ alert_when: { raise: '> 300', clear: '< 250' }, hold: '1s', report: { as: 'alert' } });
    const readings = (
      [
        [0, 41],
        [1, 301],
        [2, 280],
        [3, 249],
        [1_003, 249],
        [1_004, Number.POSITIVE_INFINITY],
        [1_005, Number.NaN],
      ] as const
    ).flatMap(([ms, data]) =>
      gas.accept({ data }, ms).flatMap((row) => ('value' in row ? [[ms, row.value, row.extra?.alert ?? row.extra?.bad]] : [])),
    );
    assert.deepEqual(readings, [
      [0, false, undefined],
      [1, true, 'raised'],
      [1_003, false, 'cleared'],
      [1_004, true, 'raised'],
      [1_005, null, 'nan'],
    ]);
    assert.deepEqual(alerts(gas.sample({ value: false, stamp: undefined }, 1_006)), [], 'the hold has to pass for a recorded reading too');
    assert.deepEqual(alerts(gas.elapse(2_006)), ['cleared i2']);
  });

  it('ignores an unreadable value: a raised alert stays raised, and the row contains the reason', () => {
    const one = channel({ alert_when: '> 60' });
    assert.deepEqual(
      alertsOf(one, [
        [0, 70],
        [1, Number.NaN],
        [2, 'hot'],
        [2, 'hot'],
      ]),
      ['raised i1', 'c_unusable raised i2'],
    );
    assert.deepEqual(one.accept({ data: Number.NaN }, 3), [{ class: 'telemetry', channel: 'c', value: null, extra: { bad: 'nan' } }]);
    assert.deepEqual(alertsOf(one, [[4, 10]]), ['cleared i1']);
  });
});

describe('debounce and hold', () => {
  it('raise an alert after the condition was true for the debounce time', () => {
    const one = channel({ debounce: '300ms' });
    assert.deepEqual(
      alertsOf(one, [
        [0, false],
        [10, true],
        [200, false],
        [210, true],
        [400, true],
      ]),
      [],
    );
    assert.equal(one.dueMs, 510);
    assert.deepEqual(alerts(one.elapse(509)), []);
    assert.deepEqual(alerts(one.elapse(510)), ['raised i1']);
  });

  it('clear an alert after the condition was false for the hold time', () => {
    const one = channel({ hold: '5s' });
    assert.deepEqual(
      alertsOf(one, [
        [0, true],
        [100, false],
        [4_000, true],
        [4_100, false],
      ]),
      ['raised i1'],
    );
    assert.deepEqual(alerts(one.elapse(9_099)), []);
    assert.deepEqual(alerts(one.elapse(9_100)), ['cleared i1']);
  });

  it('do not treat an unreadable value as the end of the condition', () => {
    const one = channel({ hold: '1s', alert_when: '> 60' });
    assert.deepEqual(
      alertsOf(one, [
        [0, 70],
        [100, 10],
        [900, Number.NaN],
        [1_000, 10],
      ]),
      ['raised i1'],
    );
    assert.equal(one.dueMs, 2_000);
  });

  it('also apply to a boolean channel without an alert', () => {
    const one = channel({ class: 'telemetry', debounce: '300ms', hold: '1s' });
    const values = (rows: readonly NewRow[]) => rows.flatMap((row) => ('value' in row ? [row.value] : []));
    assert.deepEqual(values(one.accept({ data: false }, 0)), [false]);
    assert.deepEqual(values(one.accept({ data: true }, 10)), []);
    assert.deepEqual(values(one.elapse(310)), [true]);
    assert.deepEqual(values(one.accept({ data: false }, 400)), []);
    assert.deepEqual(values(one.elapse(1_400)), [false]);
  });
});

describe('silence', () => {
  it('is an alert of its own, which counts from the start and ends with the next message', () => {
    const one = channel({ max_silence: '10s' });
    assert.equal(one.dueMs, 10_000);
    assert.deepEqual(alerts(one.elapse(10_000)), ['c_silent raised i1']);
    assert.ok(one.silent);
    assert.deepEqual(alerts(one.accept({ data: false }, 12_000)), ['c_silent cleared i1']);
    assert.ok(!one.silent);
    assert.equal(one.dueMs, 22_000);
  });

  it('does not end a raised alert', () => {
    const one = channel({ max_silence: '10s' });
    assert.deepEqual(alertsOf(one, [[0, true]]), ['raised i1']);
    assert.deepEqual(alerts(one.elapse(10_000)), ['c_silent raised i2']);
    assert.ok(one.status(10_000).alert);
  });

  it('that was raised before a restart is cleared after it, under the same incident', () => {
    const { c } = configSchema.shape.channels.parse({ c: { topic: '/t', max_silence: '10s' } });
    assert.ok(c);
    const one = new Channel('c', c, { standing: new Map([['c_silent', { alert: 'raised', incident: 'old' }]]) });
    assert.deepEqual(alerts(one.accept({ data: 1 }, 5)), ['c_silent cleared old']);
  });
});

describe('a diagnostics channel', () => {
  const status = (name: string, level: number, values: Record<string, string> = {}) => ({
    name,
    level,
    message: `it is ${level}`,
    values: Object.entries(values).map(([key, value]) => ({ key, value })),
  });
  const message = {
    status: [status('motors: left', 1, { temperature: '61.5', brake: 'True' }), status('motors: right', 2), status('lidar', 0)],
  };
  const read = (diagnostics: object) => {
    const one = channel({ class: 'telemetry', diagnostics });
    return one.accept(message, 0).flatMap((row) => ('value' in row ? [row.value] : []));
  };

  it('reads the level, the message or a typed key of the status with the name', () => {
    assert.deepEqual(read({ name: 'lidar' }), [0]);
    assert.deepEqual(read({ name: 'lidar', take: 'message' }), ['it is 0']);
    assert.deepEqual(read({ name: 'motors: left', key: 'temperature' }), [61.5]);
    assert.deepEqual(read({ name: 'motors: left', key: 'brake' }), [true]);
  });

  it('reads the worst status of several', () => {
    assert.deepEqual(read({ name: 'motors*' }), [2]);
  });

  it('returns no row for a message without the status or the key', () => {
    assert.deepEqual(read({ name: 'camera' }), []);
    assert.deepEqual(read({ name: 'lidar', key: 'speed' }), []);
  });

  it('can raise an alert', () => {
    const one = channel({ diagnostics: { name: 'motors*' }, alert_when: '>= 2' });
    assert.deepEqual(alerts(one.accept(message, 0)), ['raised i1']);
  });
});
