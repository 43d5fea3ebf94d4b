import { SimulatedRos, SimulatedWorld } from '../../src/ros/index.ts';
import { rosNodeContract } from './contract.ts';

rosNodeContract(
  'the simulated node',
  async () => {
    const world = new SimulatedWorld();
    return { here: new SimulatedRos({ world, name: 'here' }).start(), there: new SimulatedRos({ world, name: 'there' }).start() };
  },
  false,
);
