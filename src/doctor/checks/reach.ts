// Checks whether computers of the network can join the ROS graph. ROS 2 is open to them by default: each can forge a sensor, or drive the robot.
import { localSetting, type Reach, reachOf } from '../../ros/index.ts';
import { type Finding, ok, skipped, warning } from '../check.ts';
import { robotCheck } from '../context.ts';

const PAGE = 'docs/guide/ros-security.md';
const SERVICE_ENVIRONMENT = '/etc/default/elderly-bot';

/** @param setting the variable that keeps nodes on the machine. */
export function reachFinding({ from, why }: Reach, isMeant: boolean, setting: string): Finding {
  if (from === 'key_holders') return ok(`only nodes with a key can join: ${why}`);
  if (from === 'machine') return ok(`other computers do not find the nodes: ${why}`);
  if (from === 'unknown') return skipped(`cannot be judged: ${why}`);
  const observed = `every computer of the network can join the ROS graph: ${why}`;
  if (isMeant) return ok(`${observed}; ros.open_to_network says that this is meant`);
  return warning(
    observed,
    `set ${setting} for the agent and for every node of the robot, or use SROS 2; if sensors are on another computer, set ros.open_to_network to true (${PAGE})`,
    `echo ${setting} | sudo tee -a ${SERVICE_ENVIRONMENT}`,
  );
}

export const reach = robotCheck('ros_network', 5_000, async ({ agent, config }) => {
  const running = (await agent)?.ros.reach;
  return reachFinding(running ?? reachOf(process.env), config.ros.open_to_network, localSetting(process.env));
});
