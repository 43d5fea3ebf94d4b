// The real ROS node: what it subscribes and publishes, and what it knows of the graph.

import { messageOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { loadBinding, type NativeBinding, type NativeHandle } from './binding.ts';
import { type Codec, codecs } from './codec.ts';
import { Delivery, subscriptionOf } from './delivery.ts';
import { amentPrefixes, installedDefinitions, unknownType } from './installed.ts';
import { checkNodeName, requireTopicName, resolveDomainId } from './names.ts';
import { fromNativeQos, toNativeQos } from './qos.ts';
import { Receiver, Reception, SAMPLES_PER_TURN } from './reception.ts';
import type { SharedPorts } from './sharedPorts.ts';
import {
  DEFAULT_QOS,
  type EndpointInfo,
  type QosProfile,
  type RosMessage,
  type RosNode,
  type RosNodeOptions,
  type RosPublisher,
  type RosSubscription,
  type SubscribeOptions,
  type TopicInfo,
} from './types.ts';

/** No log file (rcl ends the process where it can't write one) and no /rosout: our own log says it all. */
const ROS_ARGUMENTS = ['--ros-args', '--disable-external-lib-logs', '--disable-rosout-logs'];

/** Shared memory is looked at. Without it a port whose reader died is known within three seconds, where the clock was not set back. */
const TEND_EVERY_MS = 5_000;

/** @throws AgentError ROS_MISSING, ROS_BINARY, ROS_DOMAIN_INVALID, ROS_TOPIC_INVALID */
export async function startRosNode(options: RosNodeOptions & { readonly samplesPerTurn?: number }): Promise<RosNode> {
  const domainId = resolveDomainId(options.domainId, process.env.ROS_DOMAIN_ID);
  const namespace = options.namespace ?? '/';
  const problem = checkNodeName(options.name);
  if (problem !== undefined) throw new AgentError('ROS_TOPIC_INVALID', problem);
  if (namespace !== '/') requireTopicName(namespace);
  const binding = loadBinding();
  options.ports?.bury();
  try {
    const context = binding.createContext();
    binding.init(context, ROS_ARGUMENTS, BigInt(domainId));
    const handle = binding.createNode(options.name, namespace, context, [], false, null);
    const node = new NativeNode(binding, context, handle, options.samplesPerTurn ?? SAMPLES_PER_TURN);
    node.start(options.ports);
    return node;
  } catch (error) {
    throw new AgentError('ROS_MISSING', `ROS 2 does not start in domain ${domainId}: ${messageOf(error)}`, {
      todo: 'try `ros2 topic list` in the same environment',
      cause: error,
    });
  }
}

class NativeNode implements RosNode {
  readonly #binding: NativeBinding;
  readonly #context: NativeHandle;
  readonly #node: NativeHandle;
  readonly #reception: Reception;
  readonly #codec: (type: string) => Codec;
  readonly #samplesPerTurn: number;
  readonly #publishers = new Set<NativeHandle>();
  /** The addon may still hold a closed handle in its list of ready ones, so none is given to the garbage collector. */
  readonly #released: NativeHandle[] = [];
  #ports: SharedPorts | undefined;
  #tending: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;

  constructor(binding: NativeBinding, context: NativeHandle, node: NativeHandle, samplesPerTurn: number) {
    this.#binding = binding;
    this.#context = context;
    this.#node = node;
    this.#samplesPerTurn = samplesPerTurn;
    this.#codec = codecs(installedDefinitions(amentPrefixes()));
    this.#reception = new Reception(binding, context);
  }

  start(ports: SharedPorts | undefined): void {
    this.#reception.start();
    RUNNING.add(this);
    if (ports === undefined) return;
    this.#ports = ports;
    const tend = () => {
      ports.note();
      ports.letGo();
    };
    tend();
    this.#tending = setInterval(tend, TEND_EVERY_MS);
    this.#tending.unref();
  }

  get served(): number {
    return this.#reception.served;
  }

  subscribe(options: SubscribeOptions): RosSubscription {
    this.#requireOpen();
    const topic = requireTopicName(options.topic);
    const codec = this.#codec(options.type);
    const { pkg, name } = codec.type;
    const handle = this.#create(codec, topic, () =>
      this.#binding.createSubscription(this.#node, pkg, 'msg', name, topic, {
        qos: toNativeQos(options.qos),
      }),
    );
    const delivery = new Delivery(options, codec);
    const receiver = new Receiver(this.#binding, handle, delivery, options.everyMs ?? 0, this.#samplesPerTurn);
    this.#reception.add(receiver);
    return subscriptionOf(delivery, {
      look: () => {
        if (this.#stopping === undefined) receiver.look();
      },
      close: () => {
        if (receiver.closed) return;
        this.#reception.remove(receiver);
        this.#release(handle);
      },
    });
  }

  advertise(topic: string, type: string, qos: QosProfile = DEFAULT_QOS): RosPublisher {
    this.#requireOpen();
    requireTopicName(topic);
    const codec = this.#codec(type);
    const { pkg, name } = codec.type;
    const handle = this.#create(codec, topic, () => this.#binding.createPublisher(this.#node, pkg, 'msg', name, topic, toNativeQos(qos)));
    this.#publishers.add(handle);
    const binding = this.#binding;
    const isOpen = () => this.#publishers.has(handle);
    return {
      get subscribers() {
        return isOpen() ? binding.getSubscriptionCount(handle) : 0;
      },
      publish: (message: RosMessage) => {
        if (!isOpen()) throw new AgentError('CLOSED', `the publisher on ${topic} is closed`);
        binding.publishRawMessage(handle, codec.encode(message));
      },
      close: () => {
        if (this.#publishers.delete(handle)) this.#release(handle);
      },
    };
  }

  publishersOf(topic: string): readonly EndpointInfo[] {
    this.#requireOpen();
    return this.#binding.getPublishersInfoByTopic(this.#node, requireTopicName(topic), false).map((endpoint) => ({
      node: endpoint.node_name,
      namespace: endpoint.node_namespace,
      type: endpoint.topic_type,
      qos: fromNativeQos(endpoint.qos_profile),
    }));
  }

  topics(): readonly TopicInfo[] {
    this.#requireOpen();
    return this.#binding.getTopicNamesAndTypes(this.#node, false).map(({ name, types }) => ({ topic: name, types }));
  }

  turn(): Promise<void> {
    this.#requireOpen();
    return this.#reception.nextTurn();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#shutDown();
    return this.#stopping;
  }

  async #shutDown(): Promise<void> {
    clearInterval(this.#tending);
    this.#ports?.close();
    await this.#reception.stop();
    RUNNING.delete(this);
    for (const handle of this.#reception.handles()) this.#release(handle);
    for (const handle of this.#publishers) this.#release(handle);
    this.#publishers.clear();
    this.#release(this.#node);
    this.#binding.shutdown(this.#context);
    this.#release(this.#context);
  }

  #create(codec: Codec, topic: string, create: () => NativeHandle): NativeHandle {
    try {
      return create();
    } catch (error) {
      const { full, pkg } = codec.type;
      if (/typesupport/.test(messageOf(error))) throw unknownType(full, pkg, `its library cannot be loaded: ${messageOf(error)}`);
      throw new AgentError('ROS_TOPIC_INVALID', `ROS refuses topic ${topic} of type ${full}: ${messageOf(error)}`, { cause: error });
    }
  }

  #release(handle: NativeHandle): void {
    handle.release();
    this.#released.push(handle);
  }

  #requireOpen(): void {
    if (this.#stopping !== undefined) throw new AgentError('CLOSED', 'the ROS node is stopped');
  }
}

/** Keeps running nodes from the garbage collector: collecting one would end its executor beneath it. */
const RUNNING = new Set<NativeNode>();
