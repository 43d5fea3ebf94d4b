// Alert channels whose publishers come with another type, change, or were unheard before a restart, with the whole path from ROS to the
// rows.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Channels } from '../../src/agent/sensing/channels.ts';
import { SimulatedRos, SimulatedWorld } from '../../src/ros/index.ts';
import { Problems } from '../../src/status/index.ts';
import { loadedChannels, startChannelsOn } from '../support/channels.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';
import { until } from '../support/until.ts';

const [BOOL, NUMBER] = ['std_msgs/msg/Bool', 'std_msgs/msg/Int32'];

describe('an alert channel', () => {
  let bench: OutboxBench;
  let world: SimulatedWorld;
  let problems: Problems;
  let channels: Channels;
  const lifetime = { percentTopics: new Set<string>(), unheardChannels: new Set<string>() };

  const robot = (name: string) => new SimulatedRos({ name, world }).start();
  const start = (entry: string) => {
    problems = new Problems(
      () => 0,
      () => {},
    );
    const loaded = loadedChannels(bench, `  fall: { topic: /fall, class: alert, ${entry} }\n`);
    channels = startChannelsOn(bench, { loaded, ros: robot('agent'), problems, lifetime });
  };
  const status = () => channels.status()[0];
  const rows = () => {
    bench.outbox.flush();
    const found = bench.db.prepare("select channel, body from rows where channel like 'fall%' order by seq").all();
    return (found as { channel: string; body: string }[]).map(({ channel, body }) => `${channel} ${/"alert":"(\w+)"/.exec(body)?.[1]}`);
  };
  const texts = () => problems.standing().map(({ code, text }) => `${code} ${text}`);

  beforeEach(() => {
    bench = outboxBench();
    world = new SimulatedWorld();
    lifetime.unheardChannels.clear();
  });
  afterEach(() => {
    channels.stop();
    bench.remove();
  });

  it('with the published type stays usable if a publisher of another type joins, which a problem names', async () => {
    const publisher = robot('camera').advertise('/fall', BOOL);
    start('type: auto');
    robot('counter').advertise('/fall', NUMBER);
    await until(() => texts().length > 0, 'the other publisher is found');
    assert.deepEqual(texts(), [`channel_type_mismatch fall (/fall): /counter publishes ${NUMBER}; expected ${BOOL}`]);
    publisher.publish({ data: true });
    await until(() => rows().includes('fall raised'), 'the alert is raised');
    assert.equal(status()?.unusable, null);
  });

  it('names the cause once after a restart, and ends its alert when the cause has been corrected in the meantime', async () => {
    const wrong = robot('camera').advertise('/fall', NUMBER);
    start(`type: ${BOOL}`);
    await until(() => rows().includes('fall_unusable raised'), 'the alert is raised');
    channels.stop();
    start(`type: ${BOOL}`);
    const mismatch = `channel_type_mismatch fall (/fall): /camera publishes ${NUMBER}; expected ${BOOL}`;
    assert.deepEqual(texts(), [mismatch]);
    channels.stop();
    wrong.close();
    start(`type: ${BOOL}`);
    robot('new_camera').advertise('/fall', BOOL);
    await until(() => rows().includes('fall_unusable cleared'), 'the alert ends');
    assert.deepEqual(texts(), []);
  });
});
