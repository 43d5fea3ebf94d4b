// Tests that a delayed reading is written when its channel ends, at the stop of the agent or at a reload that changes or removes the
// channel.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Channels } from '../../src/agent/sensing/channels.ts';
import { SimulatedRos } from '../../src/ros/index.ts';
import { Problems } from '../../src/status/index.ts';
import { loadedChannels, startChannelsOn } from '../support/channels.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';
import { until } from '../support/until.ts';

const NUMBER = 'std_msgs/msg/Int32';
const STEPS = `  steps: { topic: /steps, type: ${NUMBER}, report: { at_most_every: 1h } }\n`;

describe('a reading that is delayed by its report interval', () => {
  let bench: OutboxBench;
  let ros: SimulatedRos;
  let channels: Channels;

  const loaded = (entries: string) => loadedChannels(bench, entries);
  const values = () => {
    bench.outbox.flush();
    return (bench.db.prepare("select body from rows where channel = 'steps' order by seq").all() as { body: string }[]).map(
      ({ body }) => JSON.parse(`[${body}]`)[0] as number,
    );
  };

  beforeEach(async () => {
    bench = outboxBench();
    ros = new SimulatedRos().start();
    const problems = new Problems(
      () => 0,
      () => {},
    );
    const publisher = ros.advertise('/steps', NUMBER);
    channels = startChannelsOn(bench, { loaded: loaded(STEPS), ros, problems });
    for (const data of [1, 2, 3]) publisher.publish({ data });
    await until(() => channels.status()[0]?.messages === 3, 'three messages are received');
    assert.deepEqual(values(), [1]);
    assert.deepEqual([...bench.outbox.latest().values], [['steps', '1']]);
  });
  afterEach(async () => {
    channels.stop();
    await ros.stop();
    bench.remove();
  });

  it('is written when the agent stops', () => {
    channels.stop();
    assert.deepEqual(values(), [1, 3]);
  });

  it('is written when its channel is removed', () => {
    channels.apply(loaded(''), { added: [], removed: ['steps'], changed: [] });
    assert.deepEqual(values(), [1, 3]);
    assert.deepEqual([...bench.outbox.latest().values], [], 'a removed channel has no latest value');
  });

  it('is written when its channel is changed, and not again by the new channel', () => {
    const next = loaded(STEPS.replace('1h', '2h'));
    channels.apply(next, { added: [], removed: [], changed: ['steps'] });
    assert.deepEqual(values(), [1, 3]);
    channels.stop();
    assert.deepEqual(values(), [1, 3]);
  });
});
