import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { configSchema } from '../../src/config/index.ts';
import { Channel } from '../../src/sensing/index.ts';

function channel(over: Record<string, unknown>, standing?: { alert: 'raised' | 'cleared'; incident?: string }): Channel {
  const { c } = configSchema.shape.channels.parse({ c: { topic: '/t', type: 'std_msgs/Bool', ...over } });
  assert.ok(c);
  return new Channel('c', c, standing);
}

function values(one: Channel, messages: readonly (readonly [ms: number, message: Record<string, unknown>])[]): unknown[] {
  return messages.flatMap(([ms, message]) => {
    const row = one.accept(message, ms);
    return row && 'value' in row ? [row.value] : [];
  });
}

describe('a value', () => {
  it('is found by its path, also in arrays and typed arrays', () => {
    const message = { status: [{ values: [{ value: 'a' }, { value: 'b' }] }], ranges: Float32Array.from([0.5, 1.5]) };
    assert.deepEqual(values(channel({ field: 'status[0].values[1].value' }), [[0, message]]), ['b']);
    assert.deepEqual(values(channel({ field: 'ranges[1]' }), [[0, message]]), [1.5]);
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
    it(`that is ${what} is marked, and not sent as truth`, () => {
      const row = channel({ scale: 100, min: 0, max: 100 }).accept({ data: field }, 0);
      assert.ok(row && 'value' in row);
      assert.deepEqual([row.value, row.extra], [null, { bad }]);
    });
  }

  it('keeps the digits its type has', () => {
    assert.deepEqual(values(channel({ scale: 100 }), [[0, { data: Math.fround(0.87) }]]), [87]);
    assert.deepEqual(values(channel({}), [[0, { data: 41.123456789 }]]), [41.123456789]);
    assert.deepEqual(values(channel({}), [[0, { data: 16_777_215 }]]), [16_777_215]);
    assert.deepEqual(values(channel({}), [[0, { data: 12n }]]), [12]);
  });

  it('carries the stamp of its header, where that was set', () => {
    const at = (sec: number) => channel({}).accept({ data: 1, header: { stamp: { sec, nanosec: 5e6 } } }, 0);
    assert.deepEqual(at(1_700_000_000)?.class === 'telemetry' && at(1_700_000_000), {
      class: 'telemetry',
      channel: 'c',
      value: 1,
      extra: { stamp: 1_700_000_000_005 },
    });
    assert.deepEqual(channel({}).accept({ data: 1, header: { stamp: { sec: 0, nanosec: 0 } } }, 0), {
      class: 'telemetry',
      channel: 'c',
      value: 1,
      extra: {},
    });
  });
});

describe('the gate', () => {
  const number = (ms: number, data: number) => [ms, { data }] as const;

  it('on change passes what differs', () => {
    assert.deepEqual(values(channel({}), [number(0, 1), number(1, 1), number(2, 2), number(3, 2)]), [1, 2]);
  });

  it('with a deadband passes what differs enough from the last that passed', () => {
    const one = channel({ report: { deadband: 0.5 } });
    assert.deepEqual(values(one, [number(0, 10), number(1, 10.4), number(2, 10.5), number(3, 10.9)]), [10, 10.5]);
  });

  it('repeats an unchanged value after its time, while messages come', () => {
    assert.deepEqual(values(channel({ report: { at_least_every: '1s' } }), [number(0, 1), number(999, 1), number(1_000, 1)]), [1, 1]);
  });

  it('passes at most one in its time', () => {
    const one = channel({ report: { on: 'message', at_most_every: '1s' } });
    assert.deepEqual(values(one, [number(0, 1), number(500, 2), number(1_000, 3)]), [1, 3]);
  });
});

describe('an alert', () => {
  it('is raised with an incident of its own and cleared under the same', () => {
    const one = channel({ class: 'alert' });
    const rows = [false, true, true, false].map((data, i) => one.accept({ data }, i));
    const extras = rows.flatMap((row) => (row && 'extra' in row && row.class === 'alert' ? [row.extra] : []));
    assert.deepEqual(
      extras.map((extra) => extra?.alert),
      ['raised', 'cleared'],
    );
    assert.ok(extras[0]?.incident);
    assert.equal(extras[0]?.incident, extras[1]?.incident);
  });

  it('that stood before a restart is cleared after it, under its incident, and not raised again', () => {
    const one = channel({ class: 'alert' }, { alert: 'raised', incident: 'i1' });
    const still = one.accept({ data: true }, 0);
    const over = one.accept({ data: false }, 1);
    assert.equal(still?.class, 'telemetry');
    assert.ok(over && 'extra' in over);
    assert.deepEqual(over.extra, { alert: 'cleared', incident: 'i1' });
  });

  it('is never swallowed, whatever the gate and the history', () => {
    const report = fc.record({
      on: fc.constantFrom('change', 'message'),
      at_most_every: fc.constantFrom('10ms', '1s', '1h'),
      at_least_every: fc.constantFrom('10ms', '1s', '1h'),
    });
    const history = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 2_000 })), { maxLength: 50 });
    fc.assert(
      fc.property(report, history, (rules, steps) => {
        const one = channel({ class: 'alert', report: rules });
        let ms = 0;
        let stands = false;
        for (const [data, gapMs] of steps) {
          ms += gapMs;
          const row = one.accept({ data }, ms);
          assert.equal(row?.class === 'alert', data !== stands);
          stands = data;
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
