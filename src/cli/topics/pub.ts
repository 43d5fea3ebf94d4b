// `elderly-bot topics pub`: publishes a message that a person at the robot types. It refuses topics that move the robot, unless forced: the
// guard does not watch this command.
import { once } from 'node:events';
import { counted, print, wait } from '../../base/index.ts';
import { type Config, isVelocity, moverOf, parseMessage } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import { checkMessage, fullName, type QosProfile, type RosMessage, type RosPublisher } from '../../ros/index.ts';
import { durationOf, remark } from '../shared.ts';
import { discovered, limited, type Observer, observe, POLL_MS, Remarks, similarTopic, type TopicOptions, usersOf } from './graph.ts';
import { requireType } from './types.ts';

interface PubOptions extends TopicOptions {
  readonly type: string;
  /** The message as YAML. */
  readonly message: string;
  readonly once: boolean;
  /** Messages per second; undefined for a single message. */
  readonly rate: number | undefined;
  readonly latched: boolean;
  readonly for: string | undefined;
  readonly force: boolean;
}

/** Not the node name of the commands that only look: what this node publishes counts as the robot's. */
const NODE = 'elderly_bot_pub';

const LATCHED: QosProfile = { reliability: 'reliable', durability: 'transient_local', depth: 1 };

/** How long the command waits for acknowledgements. Fast DDS asks for them every 3 s (its default heartbeat period; measured). */
const DELIVERY_MS = 4_000;

/**
 * @returns the exit code: 0; 1 if no subscription took the message within `for`; 130 if Ctrl-C came before the message was published or
 * before the end of `for`.
 */
export function pub(options: PubOptions): Promise<number> {
  const { name: type } = requireType(options.type);
  const message = parseMessage(options.message) as RosMessage;
  checkMessage(type, message);
  const forMs = options.for === undefined ? undefined : durationOf('--for', options.for);
  return observe(options, (observer) => publish(observer, { ...options, type, fields: message, forMs }), NODE);
}

interface Publication extends Pick<PubOptions, 'type' | 'once' | 'rate' | 'latched' | 'force'> {
  readonly fields: RosMessage;
  readonly forMs: number | undefined;
}

async function publish(observer: Observer, { type, fields, once: isOnce, rate, latched, force, forMs }: Publication): Promise<number> {
  const { ros, config, topic, signal } = observer;
  if (!force) refuseMotion(config, topic, type);
  const channels = usersOf(config.channels, topic);
  if (channels.length > 0) remark(`the agent reads ${topic} as ${channels.join(', ')}: a message that raises an alert alerts the family`);
  const publisher = ros.advertise(topic, type, latched ? LATCHED : undefined);
  const isSingle = rate === undefined && (isOnce || !latched) && !(isVelocity(type) && forMs !== undefined);
  const isHeard = (latched && !isSingle) || (await discovered(signal, () => publisher.subscribers > 0));
  const until = limited(signal, forMs);
  if (!isHeard && isSingle) await subscribed(observer, publisher, until);
  else if (!isHeard && !until.aborted) remark(unheard(observer));
  if (signal.aborted) return 130;
  if (isSingle && publisher.subscribers === 0) return 1;
  publisher.publish(fields);
  const count = isSingle ? 1 : await stay(publisher, fields, rate, until);
  // A robot may keep its last velocity until it receives another one.
  if (isVelocity(type)) publisher.publish({});
  const zero = isVelocity(type) ? ', then zero velocity,' : '';
  await print(`published ${counted(count, 'message')}${zero} on ${topic} for ${counted(publisher.subscribers, 'subscription')}`);
  await deliver(publisher, signal);
  return signal.aborted && forMs !== undefined ? 130 : 0;
}

/** @throws AgentError MOTION_UNFORCED if an entry of the configuration or the type says that messages on the topic move the robot */
function refuseMotion({ commands }: Pick<Config, 'commands'>, topic: string, type: string): void {
  const mover = moverOf(commands, topic);
  if (mover === undefined && !isVelocity(type)) return;
  const reason = mover ? `is a topic of the command ${mover}, which moves or stops the robot` : `takes ${type}, which moves the robot`;
  throw new AgentError('MOTION_UNFORCED', `${topic} ${reason}, and the guard does not stop a robot that topics pub moves`, {
    remedy:
      'use elderly-bot send with a configured command; or keep people away, have the emergency stop at hand, and repeat this with --force',
  });
}

/** Waits for a subscription, and says why the topic has no suitable one. */
async function subscribed(observer: Observer, publisher: RosPublisher, until: AbortSignal): Promise<void> {
  const remarks = new Remarks();
  while (publisher.subscribers === 0 && !until.aborted) {
    remarks.add(unheard(observer));
    remarks.add('waiting for a subscription; Ctrl-C ends');
    await wait(POLL_MS, until);
  }
}

/** Explains why no subscription receives the message. */
function unheard(observer: Observer): string {
  const { ros, topic } = observer;
  const [subscription] = ros.subscriptionsOf(topic);
  if (subscription === undefined) return `no node subscribes to ${topic} yet${similarTopic(observer)}`;
  const { type, qos } = subscription;
  const latched = qos.durability === 'transient_local' ? ' from a latched publisher: try --latched' : '';
  return `${fullName(subscription)} subscribes to ${topic}, but expects ${type}${latched}`;
}

/** Repeats the message at the rate; without one, keeps it for late subscriptions. @returns how many messages were published in all */
async function stay(publisher: RosPublisher, message: RosMessage, rate: number | undefined, until: AbortSignal): Promise<number> {
  if (rate === undefined) {
    remark('published; Ctrl-C or --for ends');
    if (!until.aborted) await once(until, 'abort');
    return 1;
  }
  let count = 1;
  const firstMs = performance.now();
  while (await wait(Math.max(0, firstMs + (count * 1_000) / rate - performance.now()), until)) {
    publisher.publish(message);
    count += 1;
  }
  return count;
}

/** Waits until all present subscriptions have the messages: what is lost on the way is not sent again once the publisher has ended. */
async function deliver(publisher: RosPublisher, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(DELIVERY_MS)]);
  while (!publisher.isAcknowledged) {
    if (await wait(POLL_MS, limit)) continue;
    if (!signal.aborted) remark('not every subscription has acknowledged the message');
    return;
  }
}
