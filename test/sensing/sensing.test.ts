import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configSchema } from '../../src/config/index.ts';
import { Channel } from '../../src/sensing/index.ts';

function channel(over: Record<string, unknown>, standing?: { alert: 'raised' | 'cleared'; incident?: string }): Channel {
  const { c } = configSchema.shape.channels.parse({ c: { topic: '/t', type: 'std_msgs/Bool', ...over } });
  assert.ok(c);
  return new Channel('c', c, standing ? { standing: new Map([['c', standing]]) } : {});
}

function values(one: Channel, messages: readonly (readonly [ms: number, message: Record<string, unknown>])[]): unknown[] {
  return messages.flatMap(([ms, message]) => {
    return one.accept(message, ms).flatMap((row) => ('value' in row ? [row.value] : []));
  });
}

describe('a value', () => {
  it('is read by its path, also in arrays and typed arrays', () => {
    const message = { status: [{ values: [{ value: 'a' }, { value: 'b' }] }], ranges: Float32Array.from([0.5, 1.5]) };
    assert.deepEqual(values(channel({ field: 'status[0].values[1].value' }), [[0, message]]), ['b']);
    assert.deepEqual(values(channel({ field: 'ranges[1]' }), [[0, message]]), [1.5]);
  });

  it('may be the result of a reducer', () => {
    const message = {
      ranges: Float32Array.from([0.5, Number.POSITIVE_INFINITY, 1.5, Number.NaN]),
      lids: [{ open: false }, { open: true }],
    };
    const REDUCED: readonly [field: string, value: unknown][] = [
      ['ranges[*] | min', 0.5],
      ['ranges[*] | max', 1.5],
      ['ranges[*]|sum', 2],
      ['ranges[*] | mean', 1],
      ['ranges[*] | count', 4],
      ['lids[*].open | any', true],
      ['lids[*].open | all', false],
    ];
    for (const [field, value] of REDUCED) assert.deepEqual(values(channel({ field }), [[0, message]]), [value], field);
  });

  it('is bad if it is outside the limits of its unit', () => {
    const bad = (unit: string, data: number) => channel({ unit }).accept({ data }, 0)[0];
    for (const [unit, data] of [
      ['percent', 130],
      ['degC', -300],
      ['ppm', -1],
    ] as const) {
      assert.deepEqual(bad(unit, data), { class: 'telemetry', channel: 'c', value: null, extra: { bad: 'range' } });
    }
  });

  const BAD: readonly [what: string, field: unknown, bad: string][] = [
    ['NaN', Number.NaN, 'nan'],
    ['infinity', Number.POSITIVE_INFINITY, 'nan'],
    ['a percent of 130', 1.3, 'range'],
    ['a string of 10 kB', 'x'.repeat(10_000), 'range'],
    ['an object', {}, 'type'],
    ['nothing', undefined, 'type'],
  ];
  for (const [what, field, bad] of BAD) {
    it(`that is ${what} becomes null with a reason`, () => {
      const [row] = channel({ scale: 100, min: 0, max: 100 }).accept({ data: field }, 0);
      assert.ok(row && 'value' in row);
      assert.deepEqual([row.value, row.extra], [null, { bad }]);
    });
  }

  it('keeps the significant digits of its type', () => {
    assert.deepEqual(values(channel({ scale: 100 }), [[0, { data: Math.fround(0.87) }]]), [87]);
    assert.deepEqual(values(channel({}), [[0, { data: 41.123456789 }]]), [41.123456789]);
    assert.deepEqual(values(channel({}), [[0, { data: 16_777_215 }]]), [16_777_215]);
    assert.deepEqual(values(channel({}), [[0, { data: 12n }]]), [12]);
  });

  it('has the stamp of its header if that was set', () => {
    const at = (sec: number, nanosec: number) => channel({}).accept({ data: 1, header: { stamp: { sec, nanosec } } }, 0);
    const row = { class: 'telemetry', channel: 'c', value: 1 };
    assert.deepEqual(at(1_700_000_000, 5e6), [{ ...row, extra: { stamp: 1_700_000_000_005 } }]);
    assert.deepEqual(at(0, 0), [{ ...row, extra: {} }]);
  });
});

describe('the gate', () => {
  const number = (ms: number, data: number) => [ms, { data }] as const;

  it('passes changed values with `on: change`', () => {
    assert.deepEqual(values(channel({}), [number(0, 1), number(1, 1), number(2, 2), number(3, 2)]), [1, 2]);
  });

  it('passes values that differ from the last reading by the deadband', () => {
    const one = channel({ report: { deadband: 0.5 } });
    assert.deepEqual(values(one, [number(0, 10), number(1, 10.4), number(2, 10.5), number(3, 10.9)]), [10, 10.5]);
  });

  it('repeats an unchanged value after `at_least_every` while messages arrive', () => {
    assert.deepEqual(values(channel({ report: { at_least_every: '1s' } }), [number(0, 1), number(999, 1), number(1_000, 1)]), [1, 1]);
  });

  it('passes values that differ from the last reading by a deadband in percent', () => {
    const one = channel({ report: { deadband: '10%' } });
    assert.deepEqual(values(one, [number(0, 100), number(1, 109), number(2, 110), number(3, 99.1), number(4, 99)]), [100, 110, 99]);
  });

  it('holds the last value of a burst until `at_most_every` has passed', () => {
    const one = channel({ report: { at_most_every: '1s' } });
    assert.deepEqual(values(one, [number(0, 1), number(10, 2), number(20, 3)]), [1]);
    assert.equal(one.dueMs, 1_000);
    assert.deepEqual(one.elapse(999), []);
    assert.deepEqual(one.elapse(1_000), [{ class: 'telemetry', channel: 'c', value: 3, extra: {} }]);
    assert.equal(one.dueMs, undefined);
  });

  it('passes the last value of a burst at once when the channel ends', () => {
    const one = channel({ report: { at_most_every: '1h' } });
    assert.deepEqual(values(one, [number(0, 1), number(10, 2), number(20, 3)]), [1]);
    assert.deepEqual(one.end(30), [{ class: 'telemetry', channel: 'c', value: 3, extra: {} }]);
    assert.deepEqual(one.end(40), []);
    const quiet = channel({ report: { at_most_every: '1h' } });
    assert.deepEqual(values(quiet, [number(0, 1), number(10, 2), number(20, 1)]), [1]);
    assert.deepEqual(quiet.end(30), []);
  });

  it('drops a waiting value if the value returns to the last reading', () => {
    const one = channel({ report: { at_most_every: '1s' } });
    assert.deepEqual(values(one, [number(0, 1), number(10, 2), number(20, 1)]), [1]);
    assert.equal(one.dueMs, undefined);
  });

  it('passes at most one reading in `at_most_every`', () => {
    const one = channel({ report: { on: 'message', at_most_every: '1s' } });
    assert.deepEqual(values(one, [number(0, 1), number(500, 2), number(1_000, 3)]), [1, 2]);
    assert.equal(one.dueMs, 2_000);
  });
});

describe('an alert', () => {
  it('is raised with a new incident and cleared under the same incident', () => {
    const one = channel({ class: 'alert' });
    const rows = [false, true, true, false].flatMap((data, i) => one.accept({ data }, i));
    const extras = rows.flatMap((row) => (row.class === 'alert' ? [row.extra] : []));
    assert.deepEqual(
      extras.map((extra) => extra?.alert),
      ['raised', 'cleared'],
    );
    assert.ok(extras[0]?.incident);
    assert.equal(extras[0]?.incident, extras[1]?.incident);
  });

  it('that was raised before a restart is not raised again, and is cleared under the same incident', () => {
    const one = channel({ class: 'alert' }, { alert: 'raised', incident: 'i1' });
    const [still] = one.accept({ data: true }, 0);
    const [over] = one.accept({ data: false }, 1);
    assert.equal(still?.class, 'telemetry');
    assert.ok(over?.class === 'alert');
    assert.deepEqual(over.extra, { alert: 'cleared', incident: 'i1' });
  });
});
