// What is wrong with a certificate is said in its own words, and the agent goes on sensing all the while.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DevCa } from '../../src/identity/index.ts';
import { Bench, THING } from '../support/bench.ts';
import { claimDomain, type RosDomain } from '../support/domain.ts';
import { findMosquitto } from '../support/mosquitto.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';

const skip = rosUnavailable() || (findMosquitto() ? false : 'no Mosquitto: apt-get install mosquitto');
const DAY_MS = 86_400_000;

describe('a certificate the broker will not have', { skip, timeout: 120_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let peer: RosPeer;
  let stranger: DevCa;

  before(async () => {
    domain = await claimDomain();
    bench = await Bench.start();
    peer = await RosPeer.start('house');
    stranger = await DevCa.create('somebody else');
  });

  after(async () => {
    await peer?.close();
    await bench?.stop();
    await domain?.release();
  });

  /** Starts the agent with these files; gives the problem it names while a ROS message still becomes a reading. */
  async function problemWith(env: NodeJS.ProcessEnv): Promise<string | undefined> {
    const agent = bench.agent(env);
    try {
      await agent.event('problem_raised');
      await peer.advertise('/gas_detected', 'std_msgs/msg/Bool');
      await peer.matched('/gas_detected');
      await peer.publish('/gas_detected', 'std_msgs/msg/Bool', { data: false });
      const status = await bench.status(({ channels }) => channels.some(({ name, readings }) => name === 'gas' && readings > 0));
      assert.equal(status.problems.length, 1);
      return status.problems[0]?.code;
    } finally {
      await agent.stop();
    }
  }

  it('signed by another CA: certificate_refused', async () => {
    const files = await stranger.issue(join(bench.folder, 'stranger'), 'robot', { name: THING });
    assert.equal(await problemWith({ AWS_CERT_FILE: files.cert, AWS_PRIVATE_KEY: files.key }), 'certificate_refused');
  });

  it('a broker signed by another CA than the configured one: broker_untrusted', async () => {
    assert.equal(await problemWith({ AWS_ROOT_CA: stranger.writeCertificate(join(bench.folder, 'stranger')) }), 'broker_untrusted');
  });

  it('expired: certificate_expired', async () => {
    const expired = { name: THING, notBefore: new Date(Date.now() - 3 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) };
    const files = await bench.issue('expired', expired);
    assert.equal(await problemWith({ AWS_CERT_FILE: files.cert, AWS_PRIVATE_KEY: files.key }), 'certificate_expired');
  });
});
