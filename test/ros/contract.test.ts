import { after, before } from 'node:test';
import { SimulatedRos, SimulatedWorld, startRosNode } from '../../src/ros/index.ts';
import { claimDomain, type RosDomain } from '../support/domain.ts';
import { rosUnavailable } from '../support/ros.ts';
import { rosNodeContract } from './contract.ts';

let domain: RosDomain | undefined;
before(async () => {
  domain = await claimDomain();
});
after(() => domain?.release());

rosNodeContract(
  'the simulated node',
  async () => {
    const world = new SimulatedWorld();
    return { here: new SimulatedRos({ world, name: 'here' }).start(), there: new SimulatedRos({ world, name: 'there' }).start() };
  },
  false,
);

rosNodeContract(
  'the real node',
  async () => ({ here: await startRosNode({ name: 'here' }), there: await startRosNode({ name: 'there' }) }),
  rosUnavailable(),
);
