// Tests the part of the contract about several readers of one topic, and about the samples that no reader received.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { QosProfile, RosPublisher } from '../../src/ros/index.ts';
import { until } from '../support/until.ts';
import { type Pair, RELIABLE } from './lifetimeContract.ts';

const NUMBER = 'std_msgs/msg/Int32';
const TEXT = 'std_msgs/msg/String';
const LATCHED: QosProfile = { ...RELIABLE, durability: 'transient_local' };
const BEST_EFFORT: QosProfile = { ...RELIABLE, reliability: 'best_effort' };
const READERS = [LATCHED, RELIABLE, BEST_EFFORT];

export function readersContract({ here, receive, advertise }: Pair): void {
  test('several readers deliver each sample of latched, reliable and best-effort publishers once, in each publisher’s order', async () => {
    const kept = await advertise('/mixed', TEXT, LATCHED, 0);
    for (const data of ['latched 1', 'latched 2']) kept.publish({ data });
    const { messages, errors, subscription } = receive('/mixed', TEXT, READERS);
    await until(() => kept.subscribers === 3 && messages.length === 2, 'the kept samples are received');
    const reliable = await advertise('/mixed', TEXT, RELIABLE, 2);
    const quick = await advertise('/mixed', TEXT, BEST_EFFORT, 1);
    const useless = await advertise('/mixed', TEXT, { ...LATCHED, reliability: 'best_effort' }, 1);
    const publishers: [string, RosPublisher][] = [
      ['latched', kept],
      ['reliable', reliable],
      ['quick', quick],
      ['useless', useless],
    ];
    for (let n = 3; n <= 20; n += 1) for (const [name, publisher] of publishers) publisher.publish({ data: `${name} ${n}` });
    await until(() => messages.length >= 2 + 4 * 18, 'all samples are received');
    await here().turn();
    for (const [name] of publishers) {
      const own = messages.map(({ data }) => String(data)).filter((data) => data.startsWith(name));
      const first = name === 'latched' ? 1 : 3;
      assert.deepEqual(
        own,
        Array.from({ length: 21 - first }, (_, n) => `${name} ${first + n}`),
      );
    }
    assert.deepEqual([subscription.received, subscription.lost, errors.length], [74, 0, 0]);
  });

  for (const [label, qos] of [
    ['one reader', { ...RELIABLE, depth: 10 }],
    ['several readers', READERS.map((profile) => ({ ...profile, depth: 10 }))],
  ] as const) {
    test(`${label} count the samples that were overwritten before they were taken`, async () => {
      const topic = `/overwritten_${label.split(' ')[0]}`;
      const { messages, subscription } = receive(topic, NUMBER, qos);
      const publisher = await advertise(topic, NUMBER, RELIABLE, 'reliability' in qos ? 1 : 2);
      let sent = 0;
      const publish = () => {
        sent += 1;
        publisher.publish({ data: sent });
      };
      const one = async () => {
        publish();
        await until(() => messages.at(-1)?.data === sent, `${sent} is received`);
      };
      for (let n = 0; n < 3; n += 1) await one();
      assert.equal(subscription.lost, 0);
      for (let n = 0; n < 200; n += 1) publish();
      for (let n = 0; n < 20; n += 1) await one();
      assert.equal(subscription.received + subscription.lost, sent);
      assert.ok(subscription.lost > 100, `${subscription.lost} lost`);
    });
  }
}
