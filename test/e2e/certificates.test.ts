// Each fault of a certificate has its own problem, and the agent keeps sensing.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { DevCa } from '../../src/identity/index.ts';
import { Bench, THING } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';

const skip = rosUnavailable() || mosquittoUnavailable();
const DAY_MS = 86_400_000;

describe('a certificate that the broker refuses', { skip, timeout: 300_000 }, () => {
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

  /** Starts the agent with these files, and expects exactly this problem in its status and a reading from a ROS message. */
  async function hasOnly(code: string, env: NodeJS.ProcessEnv): Promise<void> {
    const agent = bench.agent(env);
    try {
      await agent.event('problem_raised', (line) => line.code === code);
      await peer.advertise('/gas_detected', 'std_msgs/msg/Bool');
      await peer.matched('/gas_detected');
      await peer.publish('/gas_detected', 'std_msgs/msg/Bool', { data: false });
      const status = await bench.status(({ channels }) => channels.some(({ name, readings }) => name === 'gas' && readings > 0));
      assert.deepEqual(
        status.problems.map((problem) => problem.code),
        [code],
      );
    } finally {
      await agent.stop();
    }
  }

  it('signed by another CA: certificate_refused', async () => {
    const files = await stranger.issue(join(bench.folder, 'stranger'), 'robot', { name: THING });
    await hasOnly('certificate_refused', { AWS_CERT_FILE: files.cert, AWS_PRIVATE_KEY: files.key });
  });

  it('a broker signed by another CA than the configured one: broker_untrusted', async () => {
    await hasOnly('broker_untrusted', { AWS_ROOT_CA: stranger.writeCertificate(join(bench.folder, 'stranger')) });
  });

  it('expired: certificate_expired', async () => {
    const expired = { name: THING, notBefore: new Date(Date.now() - 3 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) };
    const files = await bench.issue('expired', expired);
    await hasOnly('certificate_expired', { AWS_CERT_FILE: files.cert, AWS_PRIVATE_KEY: files.key });
  });
});
