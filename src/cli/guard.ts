// `elderly-bot guard`: the process that publishes the stop if the agent dies, is halted or stalls with a motion under way. It has a
// ROS node of its own, and of the rest of the program only what it needs for that.
import { join } from 'node:path';
import { GuardServer, guardSocket } from '../commands/index.ts';
import { type CommandConfig, type Config, isVelocity, loadConfig, publicationsOf, type Remap, STOP } from '../config/index.ts';
import { createLog } from '../logs/index.ts';
import { type RosNode, type RosPublisher, SharedMemoryRepair, startRosNode } from '../ros/index.ts';

interface Brake {
  readonly topic: string;
  readonly publisher: RosPublisher;
  readonly message: Readonly<Record<string, unknown>>;
  readonly isVelocity: boolean;
}

/** @returns 0 at once where no configured command moves the robot. */
export async function guard(file: string | undefined, remap: Remap): Promise<number> {
  const { config } = loadConfig(file, process.env, { remap });
  const log = createLog(config.log_level, { thing: config.thing, process: 'guard' });
  const motions = Object.values(config.commands).filter(({ motion }) => motion);
  if (motions.length === 0) {
    log.info({ event: 'guard_not_needed' }, 'no configured command moves the robot: there is nothing to guard');
    return 0;
  }
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => resolve());
  });
  const ros = await startRosNode({
    name: `${config.ros.node_name}_guard`,
    namespace: config.ros.namespace,
    ...(config.ros.repair_shared_memory && { sharedMemory: new SharedMemoryRepair(join(config.state_dir, 'guard-ports.json')) }),
    ...(config.ros.domain_id === null ? {} : { domainId: config.ros.domain_id }),
  });
  const brakes = brakesOf(config, motions, ros);
  const publishStop = () => {
    for (const { publisher, message } of brakes) publisher.publish(message);
  };
  const server = new GuardServer({ path: guardSocket(config.state_dir), publishStop, unable: (topics) => blind(brakes, topics), log });
  try {
    await server.start();
    log.info({ event: 'guard_ready', topics: brakes.map(({ topic }) => topic) }, 'the guard watches');
    await stopped;
    await server.stop();
  } finally {
    await ros.stop();
  }
  return 0;
}

/** Zero velocity on every topic a motion uses, then the stop command's own messages. */
function brakesOf({ commands }: Config, motions: readonly CommandConfig[], ros: RosNode): Brake[] {
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

/** Why a motion on these topics could not be ended; without topics, one that the robot plans itself. */
function blind(brakes: readonly Brake[], topics: readonly string[]): string | undefined {
  if (topics.length === 0) {
    return brakes.some(({ publisher }) => publisher.subscribers > 0) ? undefined : 'no node on the robot subscribes to the guard’s stop';
  }
  for (const topic of topics) {
    const found = brakes.find((brake) => brake.topic === topic && brake.isVelocity);
    if (!found) return `the guard does not know ${topic}: it runs with another configuration, start it anew`;
    if (found.publisher.subscribers === 0) return `nothing on ${topic} hears the guard yet`;
  }
  return undefined;
}
