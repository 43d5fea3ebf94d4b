// Tests that alert channels whose alert can never be raised are reported, with publishers of rclpy.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import type { Channels } from '../../src/agent/sensing/channels.ts';
import { type RosNode, startRosNode } from '../../src/ros/index.ts';
import { Problems } from '../../src/status/index.ts';
import { loadedChannels, startChannelsOn, statusOf } from '../support/channels.ts';
import { DEAF } from '../support/deafAlerts.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { until } from '../support/until.ts';

const BOOL = 'std_msgs/msg/Bool';
const EMPTY = 'std_msgs/msg/Empty';

describe('alert channels', { skip: rosUnavailable(), timeout: 300_000 }, () => {
  let domain: RosDomain;
  let ros: RosNode;
  let peer: RosPeer;
  let bench: OutboxBench;
  let channels: Channels;
  let problems: Problems;

  before(async () => {
    domain = await claimDomain();
    ros = await startRosNode({ name: 'elderly_bot_agent', domainId: domain.id });
    peer = await RosPeer.start();
  });
  after(async () => {
    await peer.close();
    await ros.stop();
    await domain.release();
  });
  beforeEach(() => {
    bench = outboxBench();
    problems = new Problems(
      () => 0,
      () => {},
    );
  });
  afterEach(() => {
    channels.stop();
    bench.remove();
  });

  const start = (yaml: string) => {
    channels = startChannelsOn(bench, { loaded: loadedChannels(bench, yaml), ros, problems });
  };
  const channel = (name: string) => statusOf(channels, name);
  const rows = () => {
    bench.outbox.flush();
    return bench.db.prepare('select channel, body from rows order by seq').all() as { channel: string; body: string }[];
  };
  const problem = (code: string) => problems.standing().find((standing) => standing.code === code);

  for (const { name, type, entry, danger, reason, suggestion } of DEAF) {
    it(`report an alert that cannot fire: ${name}`, async () => {
      const topic = `/deaf/${name.replaceAll(/\W/g, '_')}`;
      start(`  detector: { topic: ${topic}, class: alert, ${entry} }\n`);
      await peer.advertise(topic, type);
      await peer.matched(topic);
      const stop = new AbortController();
      const dangerous = (async () => {
        while (!stop.signal.aborted) {
          await peer.publish(topic, type, danger);
          await wait(300);
        }
      })();
      await until(() => channel('detector').health === 'unusable', 'the channel is unusable').finally(() => stop.abort());
      await dangerous;
      const { severity, text } = problem('channel_unusable') ?? {};
      assert.equal(severity, 'critical');
      assert.match(String(text), reason);
      assert.equal(channel('detector').unusable?.suggestion ?? null, suggestion);
      assert.ok(rows().some((row) => row.channel === 'detector_unusable' && /^true,{"alert":"raised"/.test(row.body)));
      assert.ok(!channel('detector').alert);
    });
  }

  it('report an alert that no message can raise although its detector is silent', async () => {
    start(`  dead: { topic: /dead, type: ${EMPTY}, class: alert }\n  alive: { topic: /alive, type: ${BOOL}, class: alert }\n`);
    await until(() => channel('dead').health === 'unusable', 'the entry is known to be dead');
    assert.deepEqual([channel('dead').messages, channel('dead').unusable?.suggestion], [0, 'event: true']);
    assert.equal(problem('channel_unusable')?.severity, 'critical');
    assert.deepEqual(
      rows().map((row) => row.channel),
      ['dead_unusable'],
    );
    assert.equal(channel('alive').health, 'waiting');
  });
});
