// Tests the count of the samples that DDS loses, with 10,000 samples per second of rclpy.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { type RosNode, startRosNode } from '../../src/ros/index.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { type Patience, until } from '../support/until.ts';

const NUMBER = 'std_msgs/msg/Int32';
const COUNT = 20_000;

describe('with 10,000 samples per second of rclpy', { skip: rosUnavailable(), timeout: 300_000 }, () => {
  let domain: RosDomain;
  let node: RosNode;
  let peer: RosPeer;
  before(async () => {
    domain = await claimDomain();
    node = await startRosNode({ name: 'elderly_bot_agent', domainId: domain.id });
    peer = await RosPeer.start();
  });
  after(async () => {
    await peer.close();
    await node.stop();
    await domain.release();
  });

  it('each sample of a best-effort publisher is received or counted as lost', async () => {
    const topic = '/flood';
    let last = 0;
    const subscription = node.subscribe({
      topic,
      type: NUMBER,
      // So short that samples are lost even if a slow machine publishes a tenth of them in time.
      qos: { reliability: 'best_effort', durability: 'volatile', depth: 10 },
      everyMs: 50,
      maxPerSecond: 1_000,
      onMessage: ({ data }) => {
        last = Number(data);
      },
    });
    await peer.advertise(topic, NUMBER, { reliability: 'best_effort' });
    await peer.matched(topic);
    let sent = 0;
    const calmly = async (patience: Patience = {}) => {
      sent += 1;
      await peer.publish(topic, NUMBER, { data: -sent });
      await until(() => last === -sent, `message ${sent} is received`, patience);
    };
    // A best-effort publisher may be connected before the agent knows it, so its first messages may be lost.
    while (subscription.received === 0) await calmly({ patienceMs: 500 }).catch(() => undefined);
    sent = subscription.received;
    // The numbers before and after the flood are known only if nothing is lost beside it.
    for (let n = 0; n < 3; n += 1) await calmly();
    assert.equal(subscription.lost, 0);
    const seconds = await peer.burst(topic, NUMBER, COUNT, 10_000);
    await calmly();
    const { received, lost } = subscription;
    assert.equal(received + lost, sent + COUNT, `${received} received, ${lost} lost in ${seconds} s`);
    assert.ok(lost > COUNT / 10, `only ${lost} of ${COUNT} lost in ${seconds} s`);
  });
});
