// Runs a whole agent with a simulated ROS: uplinksLife.ts CONFIG. The orders `fall` and `stand` on standard input publish a message, and
// the event `published` has its time in nanoseconds of CLOCK_MONOTONIC. The end of standard input stops the agent.
import { createInterface } from 'node:readline';
import { run } from '../../src/cli/run.ts';
import { SimulatedRos, SimulatedWorld } from '../../src/ros/index.ts';
import { monotonicNs } from '../support/network/witness.ts';

const world = new SimulatedWorld();
const publisher = new SimulatedRos({ name: 'sensor', world }).start().advertise('/fall_detected', 'std_msgs/msg/Bool');
const until = new AbortController();
let number = 0;
createInterface({ input: process.stdin })
  .on('line', (order) => {
    const ns = monotonicNs();
    publisher.publish({ data: order === 'fall' });
    number += 1;
    process.stdout.write(`${JSON.stringify({ event: 'published', number, order, ns })}\n`);
  })
  .on('close', () => until.abort());
process.exitCode = await run(process.argv[2], {
  startRos: async (options) => new SimulatedRos({ ...options, world }).start(),
  until: until.signal,
});
