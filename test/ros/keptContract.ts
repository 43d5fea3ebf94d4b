// Tests the part of the contract that lets one agent hand its node over to the next.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeptRos, type QosProfile, type RosNode, type SubscribeOptions } from '../../src/ros/index.ts';
import { until } from '../support/until.ts';
import { type Pair, RELIABLE } from './lifetimeContract.ts';

const TEXT = 'std_msgs/msg/String';
const LATCHED: QosProfile = { ...RELIABLE, durability: 'transient_local' };
const READERS = [LATCHED, RELIABLE, { ...RELIABLE, reliability: 'best_effort' }] as const;
const OPTIONS = { name: 'here', domainId: null };

export function keptContract({ here, advertise }: Pair): void {
  /** A keeper of the first node that must not end it, because other tests use it. */
  const keep = () =>
    new KeptRos(async () => new Proxy(here(), { get: (node, key) => (key === 'stop' ? async () => {} : bound(node, key)) }));
  const listen = (ros: RosNode, topic: string, qos: SubscribeOptions['qos'], more: Partial<SubscribeOptions> = {}) => {
    const heard: string[] = [];
    const subscription = ros.subscribe({ topic, type: TEXT, qos, onMessage: ({ data }) => heard.push(String(data)), ...more });
    return { heard, subscription };
  };

  for (const [kind, qos] of [
    ['one reader', RELIABLE],
    ['several readers', READERS],
  ] as const) {
    test(`messages that arrive between two agents reach the second one, with ${kind}`, async () => {
      const topic = `/handed_over_${kind.replace(' ', '_')}`;
      const kept = keep();
      const first = await kept.start(OPTIONS);
      const old = listen(first, topic, qos);
      const publisher = await advertise(topic, TEXT, RELIABLE, [qos].flat().length === 1 ? 1 : 2);
      publisher.publish({ data: 'before' });
      await until(() => old.heard.length === 1, 'the first agent heard it');
      kept.handOver();
      old.subscription.close();
      for (const data of ['one', 'two', 'three']) publisher.publish({ data });
      await first.stop();
      const second = await kept.start(OPTIONS);
      const next = listen(second, topic, qos);
      publisher.publish({ data: 'four' });
      await until(() => next.heard.length === 4, 'the second agent heard all');
      assert.deepEqual(next.heard, ['one', 'two', 'three', 'four']);
      assert.deepEqual(old.heard, ['before']);
      kept.handedOver();
      next.subscription.close();
      await until(() => publisher.subscribers === 0, 'the subscription is closed');
    });

    test(`the second agent hears a latched value again, as a new subscription would, with ${kind}`, async () => {
      const topic = `/latched_over_${kind.replace(' ', '_')}`;
      const kept = keep();
      const profiles = kind === 'one reader' ? LATCHED : qos;
      const first = await kept.start(OPTIONS);
      const old = listen(first, topic, profiles);
      const publisher = await advertise(topic, TEXT, LATCHED, [profiles].flat().length === 1 ? 1 : 3);
      publisher.publish({ data: 'open' });
      publisher.publish({ data: 'closed' });
      await until(() => old.heard.length === 2, 'the first agent heard both');
      kept.handOver();
      await first.stop();
      publisher.publish({ data: 'open again' });
      const next = listen(await kept.start(OPTIONS), topic, profiles);
      await until(() => next.heard.length === 2, 'the second agent heard both');
      assert.deepEqual(next.heard, ['closed', 'open again']);
      kept.handedOver();
      next.subscription.close();
    });
  }

  test('several subscriptions of one topic are all kept', async () => {
    const kept = keep();
    const first = await kept.start(OPTIONS);
    for (const qos of [RELIABLE, RELIABLE, READERS]) listen(first, '/shared', qos);
    const publisher = await advertise('/shared', TEXT, RELIABLE, 4);
    kept.handOver();
    await first.stop();
    publisher.publish({ data: 'meanwhile' });
    const second = await kept.start(OPTIONS);
    const all = [READERS, RELIABLE, RELIABLE].map((qos) => listen(second, '/shared', qos));
    await until(() => all.every(({ heard }) => heard.length === 1), 'each heard it');
    assert.equal(publisher.subscribers, 4);
    kept.handedOver();
    for (const { subscription } of all) subscription.close();
  });

  test('a change of the type of a topic ends the kept subscription', async () => {
    const kept = keep();
    const first = await kept.start(OPTIONS);
    listen(first, '/retyped', RELIABLE);
    kept.handOver();
    await first.stop();
    const second = await kept.start(OPTIONS);
    const next = second.subscribe({ topic: '/retyped', type: 'std_msgs/msg/Int32', qos: RELIABLE, onMessage: () => {} });
    kept.handedOver();
    next.close();
  });

  test('a subscription that differs from the kept one replaces it, and a stopped agent can use nothing more', async () => {
    const kept = keep();
    const first = await kept.start(OPTIONS);
    const old = listen(first, '/differs', RELIABLE);
    const publisher = await advertise('/differs', TEXT, RELIABLE);
    const own = first.advertise('/own', TEXT);
    kept.handOver();
    await first.stop();
    assert.throws(() => first.topics(), { code: 'CLOSED' });
    assert.throws(() => own.publish({ data: 'late' }), { code: 'CLOSED' });
    const next = listen(await kept.start(OPTIONS), '/differs', RELIABLE, { everyMs: 1 });
    kept.handedOver();
    await until(() => publisher.subscribers === 1, 'only the new one is left');
    publisher.publish({ data: 'new' });
    await until(() => next.heard.length === 1, 'the new one hears');
    assert.deepEqual([old.heard, next.heard], [[], ['new']]);
    next.subscription.close();
  });
}

function bound(node: RosNode, key: string | symbol): unknown {
  const value: unknown = Reflect.get(node, key, node);
  return typeof value === 'function' ? value.bind(node) : value;
}
