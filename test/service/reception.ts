// Counts how many of 40 messages the agent receives from nodes of another user and of root, in each discovery range. Prints a JSON object.
// reception.test.ts runs this program in its own network namespace.
import { RosPeer } from '../support/ros.ts';
import { ServiceBench, UNIT } from '../support/service.ts';
import { ROBOT_USER } from '../support/systemd.ts';

const MESSAGES = 40;
const TYPE = 'std_msgs/msg/Int32';
const PUBLISHERS = { other: ROBOT_USER.id, root: undefined };
const RANGES = ['LOCALHOST', 'SUBNET'];

const id = Number(process.env.ROS_DOMAIN_ID);
const rosEnv = (range: string) => ({ ROS_DOMAIN_ID: String(id), ROS_AUTOMATIC_DISCOVERY_RANGE: range });
const bench = await ServiceBench.start({ id, env: rosEnv('LOCALHOST'), release: async () => {} });
const received = async (): Promise<number> => {
  const { channels } = await bench.status(() => true);
  return channels.find(({ name }) => name === 'steps')?.messages ?? 0;
};
const table: Record<string, number> = {};
try {
  bench.setEnvironment('');
  bench.install();
  for (const range of RANGES) {
    bench.setEnvironment(`ROS_AUTOMATIC_DISCOVERY_RANGE=${range}\n`);
    bench.lab.must('systemctl', 'restart', UNIT);
    for (const [owner, user] of Object.entries(PUBLISHERS)) {
      const before = await received();
      const peer = await RosPeer.start('publisher', rosEnv(range), user);
      await peer.advertise('/steps', TYPE);
      await peer.matched('/steps');
      await bench.status(({ channels }) => channels.some(({ name, state }) => name === 'steps' && state === 'published'));
      await peer.burst('/steps', TYPE, MESSAGES, MESSAGES);
      // After this time all messages that can arrive have arrived.
      await bench.lab.until(async () => (await received()) === before + MESSAGES, 5_000).catch(() => {});
      table[`${owner} ${range}`] = (await received()) - before;
      await peer.close();
    }
  }
} finally {
  await bench.stop();
}
process.stdout.write(`${JSON.stringify(table)}\n`);
