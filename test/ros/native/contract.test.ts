// Runs the contract of a RosNode with the real node.
import { after, before } from 'node:test';
import { claimDomain, type RosDomain } from '../../../scripts/lab/domain.ts';
import { startRosNode } from '../../../src/ros/index.ts';
import { rosUnavailable } from '../../support/ros.ts';
import { rosNodeContract } from '../contract.ts';
import { loadTested, VERSION } from './rclnodejs.ts';

const unavailable = rosUnavailable();
let domain: RosDomain | undefined;
before(async () => {
  domain = await claimDomain();
  if (unavailable === false) loadTested();
});
after(() => domain?.release());

rosNodeContract(
  `the real node on rclnodejs ${VERSION}`,
  async () => ({ here: await startRosNode({ name: 'here' }), there: await startRosNode({ name: 'there' }) }),
  unavailable,
);
