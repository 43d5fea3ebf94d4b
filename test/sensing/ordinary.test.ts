// Ordinary operation of a sensor does not make its channel unusable, and a sensor that stays deaf does.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Channel } from '../../src/sensing/index.ts';
import { alerts, channel } from '../support/channel.ts';

type Message = Readonly<Record<string, unknown>>;

/** Sends the messages at this interval. @returns the alerts. */
function send(one: Channel, messages: readonly Message[], everyMs: number, fromMs = 0): string[] {
  return messages.flatMap((message, n) => {
    const nowMs = fromMs + n * everyMs;
    return alerts([...one.elapse(nowMs), ...one.accept(message, nowMs)]);
  });
}
const times = (count: number, message: Message) => Array.from({ length: count }, () => message);

describe('a sensor that cannot measure', () => {
  const bad = { data: Number.NaN };

  it('may send NaN for 7 s while it warms up', () => {
    const one = channel({ alert_when: '> 60' });
    assert.deepEqual(send(one, [...times(70, bad), ...times(100, { data: 20 })], 100), []);
    assert.equal(one.unusable, undefined);
  });

  it('is unusable after 8 s, also if it sent one message only', () => {
    const many = channel({ alert_when: '> 60' });
    assert.deepEqual(send(many, times(100, bad), 100), ['c_unusable raised i1']);
    assert.equal(many.unusable?.reason, 'the value is NaN: the sensor cannot measure');
    const single = channel({ alert_when: '> 60' });
    single.accept(bad, 0);
    assert.equal(single.dueMs, 8_000);
    assert.deepEqual(alerts(single.elapse(8_000)), ['c_unusable raised i1']);
  });

  it('may fail now and then, as often as it likes', () => {
    const one = channel({ alert_when: '> 60' });
    assert.deepEqual(
      send(
        one,
        times(300, bad).map((each, n) => (n % 30 === 0 ? { data: 20 } : each)),
        100,
      ),
      [],
    );
  });

  it('may exceed its limits for some messages, unless the scale is wrong', () => {
    const one = channel({ min: 0, max: 100, alert_when: '> 60' });
    assert.deepEqual(send(one, [...times(5, { data: 1_023 }), ...times(5, { data: 20 })], 10), []);
    const scaled = channel({ unit: 'percent', scale: 100, alert_when: '< 15' });
    assert.deepEqual(send(scaled, times(2, { data: 87 }), 10), ['c_unusable raised i1']);
  });
});

describe('a list in the first messages', () => {
  it('may be shorter than the index, as the efforts of joints before the first measurement', () => {
    const one = channel({ field: 'effort[1]', alert_when: '> 5' });
    assert.deepEqual(send(one, [...times(20, { effort: [] }), { effort: [0, 9] }], 100), ['raised i1']);
    const never = channel({ field: 'effort[1]', alert_when: '> 5' });
    assert.deepEqual(send(never, times(100, { effort: [] }), 100), ['c_unusable raised i1']);
  });
});

describe('a list of objects', () => {
  const found = (...scores: number[]) => ({ found: scores.map((score) => ({ score })) });

  it('may have no element at the index, as while nothing is detected: no condition holds', () => {
    const one = channel({ field: 'found[0].score', alert_when: '> 0.5', max_silence: '5s' });
    const messages = [...times(100, found()), found(0.9), ...times(100, found())];
    assert.deepEqual(send(one, messages, 500), ['raised i1', 'cleared i1']);
    assert.deepEqual([one.unusable, one.silent], [undefined, false]);
    const near = channel({ field: 'found[1].score', alert_when: '< 0.5' });
    assert.deepEqual(send(near, [...times(20, found(0.1)), found(0.9, 0.1), found()], 1_000), ['raised i1', 'cleared i1']);
  });

  it('is skipped below a reducer if it has no element', () => {
    const message = { boxes: [{ found: [] }, { found: [{ score: 0.9 }] }] };
    const one = channel({ field: 'boxes[*].found[0].score | max', alert_when: '> 0.5' });
    assert.deepEqual(send(one, [{ boxes: [{ found: [] }] }, message, { boxes: [] }], 10), ['raised i1', 'cleared i1']);
  });

  it('does not hide a wrong name behind the index', () => {
    const one = channel({ field: 'found[0].scor', alert_when: '> 0.5' });
    assert.deepEqual(send(one, times(100, found(0.9)), 100), ['c_unusable raised i1']);
  });
});

describe('a diagnostics channel', () => {
  const motor = (value: string) => ({ status: [{ name: 'motor', level: 0, values: [{ key: 'temp', value }] }] });
  const lidar = { status: [{ name: 'lidar', level: 0, values: [] }] };
  const config = { diagnostics: { name: 'motor', key: 'temp' }, alert_when: '> 60' };

  it('waits two minutes for a node that starts late, if no name is similar', () => {
    const one = channel(config);
    assert.deepEqual(send(one, [...times(115, lidar), motor('70')], 1_000), ['raised i1']);
    const never = channel(config);
    assert.deepEqual(send(never, times(125, lidar), 1_000), ['c_unusable raised i1']);
    assert.match(never.unusable?.reason ?? '', /^no status "motor" has been found; the last message has "lidar"$/);
  });

  it('may report a text such as N/A until it has measured', () => {
    const one = channel(config);
    assert.deepEqual(send(one, [...times(6, motor('N/A')), motor('70')], 1_000), ['raised i1']);
    const never = channel(config);
    assert.deepEqual(send(never, times(12, motor('N/A')), 1_000), ['c_unusable raised i1']);
  });
});

describe('a wrong entry', () => {
  it('is reported with its second message, also after a sensor sent NaN', () => {
    const one = channel({ alert_when: '> 60' });
    assert.deepEqual(send(one, [{ data: Number.NaN }, { data: 'hot' }, { data: 'hot' }], 10), ['c_unusable raised i1']);
    assert.match(one.unusable?.reason ?? '', /^the value is a string/);
  });
});
