// A topic that cannot be read, over restarts and while its cause changes: the alert ends with its cause, and its reason is the present one.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { alerts, channel } from '../support/channel.ts';

const TYPE = '/camera publishes std_msgs/msg/Int32; expected std_msgs/msg/Bool';
const standing = new Map([['c_unusable', { alert: 'raised', incident: 'old' } as const]]);

describe('a topic that could not be read before a restart', () => {
  const unheardBefore = () => {
    const unheard = new Set<string>();
    const one = channel({}, { unheard });
    one.block(TYPE, 0);
    assert.deepEqual([alerts(one.elapse(5_000)), [...unheard]], [['c_unusable raised i1'], ['c']]);
    return unheard;
  };

  it('ends its alert once a publisher is heard, although a detector of events says nothing', () => {
    const unheard = unheardBefore();
    const one = channel({}, { unheard, standing });
    assert.equal(one.unusable?.reason, 'no publisher was heard before this start');
    assert.deepEqual([one.dueMs, alerts(one.elapse(60_000))], [undefined, []]);
    one.block(undefined, 60_000);
    assert.deepEqual([alerts(one.elapse(65_000)), [...unheard]], [['c_unusable cleared old'], []]);
  });

  it('continues its alert while the cause stands', () => {
    const one = channel({}, { unheard: unheardBefore(), standing });
    one.block(TYPE, 1_000);
    assert.deepEqual([alerts(one.elapse(60_000)), one.unusable?.reason], [[], TYPE]);
    one.block(undefined, 60_000);
    assert.deepEqual(alerts(one.elapse(65_000)), ['c_unusable cleared old']);
  });

  it('continues the alert of messages that were unusable, because a publisher that is heard does not correct them', () => {
    const unheard = unheardBefore();
    const before = channel({}, { unheard, standing });
    for (const ms of [0, 1]) before.accept({ other: 1 }, ms);
    assert.deepEqual([...unheard], []);
    const one = channel({}, { unheard, standing });
    one.block(undefined, 1_000);
    assert.deepEqual(alerts(one.elapse(60_000)), []);
  });
});

describe('the reason of a topic that cannot be read', () => {
  it('is the present one if the cause returns, or if messages arrive that cannot be used either', () => {
    const one = channel();
    one.block(TYPE, 0);
    one.elapse(5_000);
    one.block(undefined, 6_000);
    one.block('another reason', 7_000);
    assert.equal(one.unusable?.reason, 'another reason');
    one.block(undefined, 8_000);
    one.accept({ other: 1 }, 9_000);
    assert.match(one.unusable?.reason ?? '', /no field "data"/);
    one.accept({ data: false }, 10_000);
    assert.deepEqual(alerts(one.elapse(15_000)), ['c_unusable cleared i1']);
  });
});
