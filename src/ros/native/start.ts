// Starts a node in the real ROS 2.
import { messageOf } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import { requireNodeNames } from '../names.ts';
import type { RosNode, RosNodeOptions } from '../types.ts';
import { loadBinding } from './binding.ts';
import { SAMPLES_PER_TURN } from './executor.ts';
import { NativeNode } from './node.ts';

/** No log file (rcl ends the process if it cannot write one) and no /rosout: the agent has a log of its own. */
const ROS_ARGUMENTS = ['--ros-args', '--disable-external-lib-logs', '--disable-rosout-logs'];

/** @throws AgentError ROS_MISSING, ROS_BINARY, ROS_DOMAIN_INVALID, ROS_TOPIC_INVALID */
export async function startRosNode(options: RosNodeOptions & { readonly samplesPerTurn?: number }): Promise<RosNode> {
  const namespace = options.namespace ?? '/';
  const domainId = requireNodeNames({ ...options, namespace });
  const binding = loadBinding();
  options.sharedMemory?.markStale();
  try {
    const context = binding.createContext();
    binding.init(context, ROS_ARGUMENTS, BigInt(domainId));
    const handle = binding.createNode(options.name, namespace, context, [], false, null);
    const node = new NativeNode(binding, context, handle, options.samplesPerTurn ?? SAMPLES_PER_TURN);
    node.start(options.sharedMemory);
    return node;
  } catch (error) {
    throw new AgentError('ROS_MISSING', `ROS 2 does not start in domain ${domainId}: ${messageOf(error)}`, {
      remedy: 'try `ros2 topic list` in the same environment',
      cause: error,
    });
  }
}
