// The graph as a person sees it, with a real publisher of another make.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import type { SeenTopic } from '../../src/cli/topics.ts';
import { claimDomain, type RosDomain } from '../support/domain.ts';
import { AGENT } from '../support/program.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';

describe('elderly-bot topics', { skip: rosUnavailable(), timeout: 60_000 }, () => {
  let domain: RosDomain;
  let peer: RosPeer;
  before(async () => {
    domain = await claimDomain();
  });
  after(async () => {
    await peer?.close();
    await domain.release();
  });

  const run = (...more: string[]) =>
    new Promise<{ code: number; text: string }>((resolve) => {
      execFile(AGENT, ['topics', ...more], (error, text) => resolve({ code: error === null ? 0 : Number(error.code), text }));
    });

  it('says what to look at where nothing is published', async () => {
    const { code, text } = await run();
    assert.equal(code, 1);
    assert.match(text, /nothing is published: .*ROS_DOMAIN_ID/);
  });

  it('shows type, rate, publisher, quality of service, and the channel that takes it', async () => {
    peer = await RosPeer.start('house');
    await peer.advertise('/gas_detected', 'std_msgs/msg/Bool', { reliability: 'best_effort' });
    await peer.advertise('/level', 'std_msgs/msg/Int32');
    const ends = run('--json');
    await peer.matched('/level');
    await peer.burst('/level', 'std_msgs/msg/Int32', 100, 100);
    const { code, text } = await ends;
    assert.equal(code, 0);
    const seen = JSON.parse(text) as SeenTopic[];
    const [gas, level] = ['/gas_detected', '/level'].map((topic) => seen.find((each) => each.topic === topic));
    assert.deepEqual(gas, {
      topic: '/gas_detected',
      types: ['std_msgs/msg/Bool'],
      publishers: [{ node: '/house', reliability: 'best_effort', durability: 'volatile' }],
      rate: 0,
      why: null,
      channels: ['gas'],
    });
    assert.ok(level?.rate !== undefined && level.rate !== null && level.rate > 5, `${level?.rate} Hz`);
    assert.deepEqual(level.channels, []);
  });
});
