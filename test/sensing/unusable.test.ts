// An alert channel whose messages cannot be used reports that, with the reason, the value and the configuration that would work.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { alerts, channel } from '../support/channel.ts';

/** Each message can never raise the channel's alert. */
const UNUSABLE: readonly {
  readonly name: string;
  readonly config?: Record<string, unknown>;
  readonly message: Record<string, unknown>;
  readonly reason: RegExp;
  readonly raw: string | null;
  readonly suggestion: string | null;
}[] = [
  {
    name: 'a field that does not exist',
    config: { field: 'dat' },
    message: { data: true },
    reason: /^the message has no field "dat"; it has data$/,
    raw: null,
    suggestion: 'field: data',
  },
  { name: 'a message without fields', message: {}, reason: /^the message has no fields/, raw: null, suggestion: 'event: true' },
  {
    name: 'a number without alert_when',
    message: { data: 812.5 },
    reason: /^the value is a number, and only the boolean true raises this alert$/,
    raw: '812.5',
    suggestion: 'alert_when: "> N"  # N: the largest harmless value',
  },
  { name: 'the number 1 without alert_when', message: { data: 1 }, reason: /a number/, raw: '1', suggestion: 'alert_when: "> 0"' },
  {
    name: 'a comparison of a boolean with a number',
    config: { alert_when: '== 1' },
    message: { data: false },
    reason: /^the value is a boolean, which alert_when "== 1" can never match$/,
    raw: 'false',
    suggestion: 'alert_when: true',
  },
  {
    name: 'a text without alert_when',
    message: { data: 'FALL' },
    reason: /a string/,
    raw: '"FALL"',
    suggestion: 'alert_when: "== FALL"  # if this text means danger',
  },
  {
    name: 'a text with a space',
    message: { data: 'fall seen' },
    reason: /a string/,
    raw: '"fall seen"',
    suggestion: String.raw`alert_when: "== \"fall seen\""  # if this text means danger`,
  },
  {
    name: 'a field that is a message',
    config: { field: 'status' },
    message: { status: { header: {}, level: 2 } },
    reason: /^"status" is not a single value$/,
    raw: '{"header":{},"level":2}',
    suggestion: 'field: status.level',
  },
  {
    name: 'a field that is a list',
    config: { field: 'ranges', alert_when: '< 0.3' },
    message: { ranges: [1, 2] },
    reason: /^"ranges" is not a single value$/,
    raw: '"2 values"',
    suggestion: 'field: "ranges[*] | min"',
  },
  {
    name: 'a percentage that is scaled twice',
    config: { unit: 'percent', scale: 100, alert_when: '< 15' },
    message: { data: 87 },
    reason: /^87 times scale 100 is above max 100$/,
    raw: '87',
    suggestion: 'scale: 1',
  },
];

describe('an alert channel is unusable if each message has', () => {
  for (const { name, config, message, reason, raw, suggestion } of UNUSABLE) {
    it(name, () => {
      const one = channel(config);
      assert.deepEqual(alerts(one.accept(message, 0)), [], 'one message may be a glitch');
      const before = one.unusable;
      assert.equal(before, undefined);
      assert.deepEqual(alerts(one.accept(message, 100)), ['c_unusable raised i1']);
      assert.deepEqual(alerts(one.accept(message, 200)), [], 'the alert is raised already');
      assert.match(one.unusable?.reason ?? '', reason);
      assert.deepEqual([one.unusable?.raw, one.unusable?.suggestion], [raw, suggestion]);
    });
  }

  for (const { name, config, message, suggestion } of UNUSABLE) {
    const [, key, value] = /^(field|alert_when|scale|event): (.*?)(?: {2}#.*)?$/.exec(suggestion ?? '') ?? [];
    if (key === undefined || value === undefined || value.includes('> N')) continue;
    it(`${name}, and not with the suggested ${key}`, () => {
      const corrected = key === 'scale' ? Number(value) : value.startsWith('"') ? JSON.parse(value) : value === 'true' ? true : value;
      const needsCondition = key === 'field' && name.includes('message') ? { alert_when: '>= 2' } : {};
      const one = channel({ ...config, ...needsCondition, [key]: corrected });
      for (const ms of [0, 1, 2]) one.accept(message, ms);
      assert.equal(one.unusable, undefined);
    });
  }
});

describe('unusable messages', () => {
  const bad = { other: 1 };

  it('raise the alert 5 s after the first if no other message arrives', () => {
    const one = channel();
    one.accept(bad, 1_000);
    assert.equal(one.dueMs, 6_000);
    assert.deepEqual(alerts(one.elapse(6_000)), ['c_unusable raised i1']);
    assert.equal(one.dueMs, undefined);
  });

  it('raise the alert in a call of any later time, also if silence is limited', () => {
    for (const limit of [{}, { max_silence: '10s' }]) {
      for (const messages of [1, 2]) {
        const one = channel(limit);
        for (let ms = 0; ms < messages; ms++) one.accept(bad, ms);
        one.elapse(Number.POSITIVE_INFINITY);
        assert.ok(one.unusable, JSON.stringify({ limit, messages }));
      }
    }
  });

  it('raise no alert if usable ones are between them', () => {
    const one = channel();
    for (let ms = 0; ms < 20_000; ms += 1_000) {
      assert.deepEqual(alerts(one.accept(bad, ms)), []);
      assert.deepEqual(alerts(one.accept({ data: false }, ms + 500)), []);
    }
  });

  it('clear their alert once messages have been usable for 5 s, and do not delay a real alert', () => {
    const one = channel();
    one.accept(bad, 0);
    one.accept(bad, 1);
    assert.deepEqual(alerts(one.accept({ data: true }, 2)), ['raised i2']);
    assert.equal(one.dueMs, 5_002);
    assert.deepEqual(alerts(one.elapse(5_002)), ['c_unusable cleared i1']);
    assert.equal(one.unusable, undefined);
  });

  it('raise one alert, however often usable ones are between them', () => {
    const one = channel();
    const rows = Array.from({ length: 600 }, (_, n) => one.accept(n % 3 === 2 ? { data: false } : bad, n * 100)).flatMap(alerts);
    assert.deepEqual(rows, ['c_unusable raised i1']);
  });

  it('do not end an alert, not even if they cannot be decoded', () => {
    const one = channel({ hold: '10s' });
    one.accept({ data: true }, 0);
    one.accept({ data: false }, 1_000);
    for (let ms = 2_000; ms < 30_000; ms += 1_000) one.reject('too short', ms);
    assert.ok(one.status(30_000).alert);
  });

  it('count as silence, because nothing is sensed', () => {
    const one = channel({ max_silence: '10s' });
    const rows = [0, 4_000, 8_000, 12_000].flatMap((ms) => alerts(one.accept(bad, ms)));
    assert.deepEqual(rows, ['c_unusable raised i1', 'c_silent raised i2']);
    assert.deepEqual(alerts(one.accept({ data: false }, 13_000)), ['c_silent cleared i2']);
    assert.deepEqual(alerts(one.elapse(18_000)), ['c_unusable cleared i1']);
  });

  it('that stood before a restart are cleared after it, under their incident', () => {
    const one = channel({}, { standing: new Map([['c_unusable', { alert: 'raised', incident: 'old' }]]) });
    assert.deepEqual(alerts(one.accept(bad, 0)), []);
    assert.ok(one.unusable);
    one.accept({ data: false }, 1);
    assert.deepEqual(alerts(one.elapse(5_001)), ['c_unusable cleared old']);
  });

  it('include messages that cannot be decoded', () => {
    const one = channel();
    one.reject('the message ends too early', 0);
    assert.deepEqual(alerts(one.reject('the message ends too early', 1)), ['c_unusable raised i1']);
    assert.equal(one.unusable?.reason, 'the message ends too early');
  });

  it('on a telemetry channel change only its health', () => {
    const one = channel({ class: 'telemetry', unit: 'percent' });
    for (const ms of [0, 1, 8_000]) assert.deepEqual(alerts(one.accept({ data: 300 }, ms)), []);
    assert.ok(one.unusable);
  });
});

describe('a topic that cannot be read', () => {
  it('raises the alert after 5 s and clears it 5 s after the cause has ended', () => {
    const one = channel();
    one.block('a node publishes std_msgs/msg/Int32; expected std_msgs/msg/Bool', 1_000);
    one.block('a node publishes std_msgs/msg/Int32; expected std_msgs/msg/Bool', 2_000);
    assert.equal(one.dueMs, 6_000);
    assert.deepEqual(alerts(one.elapse(6_000)), ['c_unusable raised i1']);
    assert.match(one.unusable?.reason ?? '', /Int32/);
    assert.equal(one.dueMs, undefined);
    one.block(undefined, 60_000);
    assert.deepEqual(alerts(one.elapse(65_000)), ['c_unusable cleared i1']);
    assert.equal(one.unusable, undefined);
  });

  it('raises nothing if the cause ends within 5 s', () => {
    const one = channel();
    one.block('two types', 0);
    one.block(undefined, 4_999);
    assert.deepEqual([one.dueMs, alerts(one.elapse(60_000))], [undefined, []]);
  });

  it('gives its present cause, and is not cleared by messages that are still under way', () => {
    const one = channel();
    one.block('first', 0);
    one.elapse(5_000);
    one.block('second', 6_000);
    assert.equal(one.unusable?.reason, 'second');
    one.accept({ data: false }, 7_000);
    assert.deepEqual(alerts(one.elapse(60_000)), []);
    assert.ok(one.unusable);
  });

  it('continues the alert of messages that were unusable before it', () => {
    const one = channel();
    for (const ms of [0, 1]) one.accept({ other: 1 }, ms);
    one.block('another type', 2);
    assert.deepEqual(alerts(one.elapse(10_000)), []);
    one.block(undefined, 20_000);
    assert.deepEqual(alerts(one.elapse(60_000)), [], 'no message has been usable since');
    one.accept({ data: false }, 61_000);
    assert.deepEqual(alerts(one.elapse(66_000)), ['c_unusable cleared i1']);
  });
});

describe('a diagnostics channel', () => {
  const diagnostics = { name: 'motor', key: 'temp' };
  const message = (name: string, key: string) => ({ status: [{ name, level: 0, values: [{ key, value: '70' }] }] });

  for (const [name, key, reason, suggestion] of [
    ['motors', 'temp', 'no status "motor" has been found; the last message has "motors"', 'diagnostics: {"name":"motors","key":"temp"}'],
    ['motor', 'temps', 'no key "temp" has been found; the last message has "temps"', 'diagnostics: {"name":"motor","key":"temps"}'],
  ] as const) {
    it(`is unusable if its ${name === 'motor' ? 'key' : 'status'} does not appear for 30 s, but a similar name does`, () => {
      const one = channel({ diagnostics, alert_when: '> 60' });
      const rows = Array.from({ length: 40 }, (_, s) => one.accept(message(name, key), s * 1_000)).flatMap(alerts);
      assert.deepEqual(rows, ['c_unusable raised i1']);
      assert.deepEqual([one.unusable?.reason, one.unusable?.suggestion], [reason, suggestion]);
    });
  }

  it('ignores the arrays of other nodes once its status has appeared', () => {
    const one = channel({ diagnostics, alert_when: '> 90' });
    one.accept(message('motor', 'temp'), 0);
    for (let s = 1; s < 100; s++) assert.deepEqual(alerts(one.accept(message('lidar', 'x'), s * 1_000)), []);
    assert.equal(one.unusable, undefined);
  });
});

describe('a list', () => {
  it('without elements is usable: nothing was detected', () => {
    const one = channel({ field: 'found[*].score | max', alert_when: '> 0.5' });
    for (const ms of [0, 1, 2]) assert.deepEqual(alerts(one.accept({ found: [] }, ms)), []);
    assert.equal(one.unusable, undefined);
    assert.deepEqual(alerts(one.accept({ found: [{ score: 0.9 }] }, 3)), ['raised i1']);
    assert.deepEqual(alerts(one.accept({ found: [] }, 4)), ['cleared i1']);
  });

  it('that does not exist is unusable with every reducer', () => {
    for (const reducer of ['any', 'all', 'min', 'max', 'mean', 'sum', 'count']) {
      const one = channel({ field: `founds[*].fallen | ${reducer}`, ...(/any|all/.test(reducer) ? {} : { alert_when: '> 1' }) });
      for (const ms of [0, 1]) one.accept({ found: [{ fallen: true }] }, ms);
      assert.match(one.unusable?.reason ?? '', /^the message has no field "founds/, reducer);
    }
  });

  it('with a million values is described by its length', () => {
    const one = channel({ field: 'data' });
    for (const ms of [0, 1]) one.accept({ data: new Uint8Array(1_000_000) }, ms);
    assert.equal(one.unusable?.raw, '"1000000 values"');
  });
});

describe('a rangefinder that sees no obstacle', () => {
  it('sends infinity, which is usable and clears the alert', () => {
    const one = channel({ alert_when: '< 0.3' });
    const rows = [0.2, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY].flatMap((data, ms) => alerts(one.accept({ data }, ms)));
    assert.deepEqual(rows, ['raised i1', 'cleared i1']);
    assert.equal(one.unusable, undefined);
  });

  it('sends only infinities in a scan, which is usable too', () => {
    const one = channel({ field: 'ranges[*] | min', alert_when: '< 0.3' });
    const ranges = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (const ms of [0, 1, 2]) assert.deepEqual(alerts(one.accept({ ranges }, ms)), []);
    assert.equal(one.unusable, undefined);
    assert.deepEqual(alerts(one.accept({ ranges: [0.2, Number.POSITIVE_INFINITY] }, 3)), ['raised i1']);
  });
});
