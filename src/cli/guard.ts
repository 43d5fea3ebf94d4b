// `elderly-bot guard`: a small separate process that stops the robot if the agent dies, is suspended or stalls during a motion. It has
// its own ROS node, so it can publish a stop even if the agent's node is dead.
import { once } from 'node:events';
import { join } from 'node:path';
import { GuardServer, guardSocket, publishAll } from '../commands/index.ts';
import { type CommandConfig, type Config, isVelocity, loadConfig, publicationsOf, type Remap, STOP } from '../config/index.ts';
import { createLog } from '../logs/index.ts';
import { type RosNode, type RosPublisher, SharedMemoryRepair, startRosNode } from '../ros/index.ts';
import { abortOn } from './shared.ts';

/** One of the messages that stop the robot, and its publisher. */
interface StopMessage {
  readonly topic: string;
  readonly publisher: RosPublisher;
  readonly message: Readonly<Record<string, unknown>>;
  readonly isVelocity: boolean;
}

/** Runs until a signal. If no configured command moves the robot, returns at once. */
export async function guard(file: string | undefined, remap: Remap): Promise<number> {
  const { config } = loadConfig(file, process.env, { remap });
  const log = createLog(config.log_level, { thing: config.thing, process: 'guard' });
  const motions = Object.values(config.commands).filter(({ motion }) => motion);
  if (motions.length === 0) {
    log.info({ event: 'guard_not_needed' }, 'the guard is not needed: no configured command moves the robot');
    return 0;
  }
  const stopped = once(abortOn('SIGTERM', 'SIGINT'), 'abort');
  const ros = await startRosNode({
    name: `${config.ros.node_name}_guard`,
    namespace: config.ros.namespace,
    ...(config.ros.repair_shared_memory && { sharedMemory: new SharedMemoryRepair(join(config.state_dir, 'guard-ports.json')) }),
    ...(config.ros.domain_id === null ? {} : { domainId: config.ros.domain_id }),
  });
  const messages = stopMessages(config, motions, ros);
  const server = new GuardServer({
    path: guardSocket(config.state_dir),
    // publishAll tries every topic: if publishing on one fails, the others must still get their stop.
    publishStop: () =>
      publishAll(
        messages.map(({ publisher }) => publisher),
        messages,
      ),
    unable: (topics) => faultOf(messages, topics),
    log,
  });
  try {
    await server.start();
    log.info({ event: 'guard_ready', topics: messages.map(({ topic }) => topic) }, 'the guard is ready');
    await stopped;
    await server.stop();
  } finally {
    await ros.stop();
  }
  return 0;
}

/** Zero velocity on every velocity topic that a motion publishes on, then the messages of the configured stop command. */
function stopMessages({ commands }: Config, motions: readonly CommandConfig[], ros: RosNode): StopMessage[] {
  const { [STOP]: stop } = commands;
  const zeros = motions.flatMap(publicationsOf).flatMap((each) => (isVelocity(each.type) ? [{ ...each, message: {} }] : []));
  const unique = new Map(zeros.map((each) => [each.topic, each]));
  return [...unique.values(), ...(stop ? publicationsOf(stop) : [])].map(({ topic, type, message, qos }) => ({
    topic,
    message,
    isVelocity: isVelocity(type),
    publisher: ros.advertise(topic, type, qos),
  }));
}

/**
 * @param topics the velocity topics of a motion; empty if the robot plans the motion itself, such as navigation to a goal.
 * @returns the reason why the guard could not stop this motion, or undefined if it could.
 */
function faultOf(messages: readonly StopMessage[], topics: readonly string[]): string | undefined {
  if (topics.length === 0) {
    return messages.some(({ publisher }) => publisher.subscribers > 0) ? undefined : 'no node on the robot subscribes to the guard’s stop';
  }
  for (const topic of topics) {
    const found = messages.find((message) => message.topic === topic && message.isVelocity);
    if (!found) return `the guard does not publish on ${topic}: it runs with another configuration, restart it`;
    if (found.publisher.subscribers === 0) return `no node on ${topic} subscribes to the guard yet`;
  }
  return undefined;
}
