// Starts a ROS 2 node on top of rclnodejs' native module. The node creates publishers and subscriptions and inspects the ROS graph.
import { messageOf } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import { type Codec, codecs } from '../codec.ts';
import { becomeSuperClient } from '../discovery.ts';
import { amentPrefixes, unknownType } from '../install.ts';
import { installedDefinitions } from '../installed.ts';
import { fullName, requireNodeNames, requireTopicName, secondType } from '../names.ts';
import {
  DEFAULT_QOS,
  type EndpointInfo,
  type KeepableNode,
  type KeepableSubscription,
  type QosProfile,
  type RosNodeOptions,
  type RosPublisher,
  type SubscribeOptions,
  type TopicInfo,
} from '../types.ts';
import { loadBinding } from './binding.ts';
import { Executor } from './executor.ts';
import { fromNativeQos, type NativeBinding, type NativeEndpoint, type NativeHandle, toNativeQos } from './functions.ts';
import { MessageStruct } from './messageStruct.ts';
import { NativeSubscription, SAMPLES_PER_TURN } from './subscription.ts';
import { hashText, LocalHashes } from './typeHash.ts';

/** Disables /rosout and rcl's log file, because the agent has its own log and rcl ends the process if it cannot write its file. */
const ROS_ARGUMENTS = ['--ros-args', '--disable-external-lib-logs', '--disable-rosout-logs'];

/** Keeps running nodes reachable: if one were garbage-collected, the addon would delete its executor while the executor's thread runs. */
const RUNNING = new Set<NativeNode>();

/** @throws AgentError ROS_MISSING, ROS_BINARY, ROS_DOMAIN_INVALID, ROS_TOPIC_INVALID */
export async function startRosNode(options: RosNodeOptions & { readonly samplesPerTurn?: number }): Promise<KeepableNode> {
  const { name, namespace = '/', sharedMemory, samplesPerTurn = SAMPLES_PER_TURN } = options;
  const domainId = requireNodeNames(options);
  const binding = loadBinding();
  sharedMemory?.markStale();
  becomeSuperClient();
  try {
    const context = binding.createContext();
    binding.init(context, ROS_ARGUMENTS, BigInt(domainId));
    const handle = binding.createNode(name, namespace, context, [], false, null);
    const node = new NativeNode(binding, context, handle, samplesPerTurn);
    node.start(sharedMemory);
    return node;
  } catch (error) {
    throw new AgentError('ROS_MISSING', `ROS 2 does not start in domain ${domainId}: ${messageOf(error)}`, {
      remedy: "check the variables of ROS and DDS: env | grep -E '^(AMENT|FASTDDS|FASTRTPS|RMW|ROS)_'",
      cause: error,
    });
  }
}

class NativeNode implements KeepableNode {
  readonly #binding: NativeBinding;
  readonly #context: NativeHandle;
  readonly #node: NativeHandle;
  readonly #executor: Executor;
  readonly #codec = codecs(installedDefinitions(amentPrefixes()));
  readonly #hashes = new LocalHashes(amentPrefixes());
  readonly #samplesPerTurn: number;
  /** Keyed by full type name. */
  readonly #structs = new Map<string, MessageStruct>();
  readonly #publishers = new Set<NativeHandle>();
  /** Topic and type of each publisher and subscription that is open. */
  readonly #used = new Map<NativeHandle, { readonly topic: string; readonly type: string }>();
  /** Keeps released handles reachable, because the addon may still report one as ready. */
  readonly #released: NativeHandle[] = [];
  #endRepair: (() => void) | undefined;
  #stopping: Promise<void> | undefined;

  constructor(binding: NativeBinding, context: NativeHandle, node: NativeHandle, samplesPerTurn: number) {
    this.#binding = binding;
    this.#context = context;
    this.#node = node;
    this.#samplesPerTurn = samplesPerTurn;
    this.#executor = new Executor(binding, context);
  }

  start(sharedMemory: RosNodeOptions['sharedMemory']): void {
    this.#executor.start();
    RUNNING.add(this);
    this.#endRepair = sharedMemory?.start();
  }

  get turns(): number {
    return this.#executor.turns;
  }

  subscribe(options: SubscribeOptions): KeepableSubscription {
    const { topic, type } = options;
    const codec = this.#codecFor(topic, type);
    const { pkg, name, full } = codec.type;
    const struct = this.#structs.get(full) ?? new MessageStruct(this.#binding, codec);
    this.#structs.set(full, struct);
    const subscription = new NativeSubscription({
      ...{ options, codec, struct, binding: this.#binding, samplesPerTurn: this.#samplesPerTurn },
      offerOf: (publisher) => {
        const endpoint = this.#endpoints(topic).find(({ endpoint_gid: gid }) => Buffer.from(gid).toString('hex') === publisher);
        return endpoint && fromNativeQos(endpoint.qos_profile);
      },
      open: (profile) => {
        const qos = toNativeQos(profile);
        return this.#create(codec, topic, () => this.#binding.createSubscription(this.#node, pkg, 'msg', name, topic, { qos }));
      },
      onOpen: () => this.#executor.add(subscription),
      onClose: () => {
        this.#executor.remove(subscription);
        for (const handle of subscription.handles) this.#release(handle);
      },
    });
    this.#executor.add(subscription);
    return subscription;
  }

  advertise(topic: string, type: string, qos: QosProfile = DEFAULT_QOS): RosPublisher {
    const codec = this.#codecFor(topic, type);
    const { pkg, name } = codec.type;
    const binding = this.#binding;
    const handle = this.#create(codec, topic, () => binding.createPublisher(this.#node, pkg, 'msg', name, topic, toNativeQos(qos)));
    this.#publishers.add(handle);
    const isOpen = () => this.#publishers.has(handle);
    return {
      get subscribers() {
        return isOpen() ? binding.getSubscriptionCount(handle) : 0;
      },
      get isAcknowledged() {
        return isOpen() && binding.waitForAllAcked(handle, 0n);
      },
      publish: (message) => {
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
    return this.#endpoints(requireTopicName(topic)).map((endpoint) => this.#describe(endpoint));
  }

  subscriptionsOf(topic: string): readonly EndpointInfo[] {
    this.#requireOpen();
    const endpoints = this.#binding.getSubscriptionsInfoByTopic(this.#node, requireTopicName(topic), false);
    return endpoints.map((endpoint) => this.#describe(endpoint));
  }

  topics(): readonly TopicInfo[] {
    this.#requireOpen();
    return this.#binding.getTopicNamesAndTypes(this.#node, false).map(({ name, types }) => ({ topic: name, types }));
  }

  nodes(): readonly string[] {
    this.#requireOpen();
    const found = this.#binding.getNodeNames(this.#node, false);
    return found.map(({ name, namespace }) => fullName({ node: name, namespace }));
  }

  turn(): Promise<void> {
    this.#requireOpen();
    return this.#executor.nextTurn();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#shutDown();
    return this.#stopping;
  }

  async #shutDown(): Promise<void> {
    this.#endRepair?.();
    await this.#executor.stop();
    RUNNING.delete(this);
    for (const handle of [...this.#executor.handles(), ...this.#publishers, this.#node]) this.#release(handle);
    this.#publishers.clear();
    this.#binding.shutdown(this.#context);
    this.#release(this.#context);
  }

  #endpoints(topic: string): readonly NativeEndpoint[] {
    return this.#binding.getPublishersInfoByTopic(this.#node, topic, false);
  }

  #describe(endpoint: NativeEndpoint): EndpointInfo {
    return {
      node: endpoint.node_name,
      namespace: endpoint.node_namespace,
      type: endpoint.topic_type,
      qos: fromNativeQos(endpoint.qos_profile),
      hash: hashText(endpoint),
      localHash: this.#hashes.of(endpoint.topic_type),
    };
  }

  #codecFor(topic: string, type: string): Codec {
    this.#requireOpen();
    requireTopicName(topic);
    return this.#codec(type);
  }

  /** Creates a publisher or a subscription. @throws AgentError ROS_TYPE_UNKNOWN, ROS_TOPIC_INVALID */
  #create({ type: { full, pkg } }: Codec, topic: string, createHandle: () => NativeHandle): NativeHandle {
    try {
      const handle = createHandle();
      this.#used.set(handle, { topic, type: full });
      return handle;
    } catch (error) {
      if (/typesupport/.test(messageOf(error))) throw unknownType(full, pkg, `its library cannot be loaded: ${messageOf(error)}`);
      const other = [...this.#used.values()].find((used) => used.topic === topic && used.type !== full);
      if (other) throw secondType(topic, full, other.type);
      throw new AgentError('ROS_TOPIC_INVALID', `ROS refuses topic ${topic} of type ${full}: ${messageOf(error)}`, { cause: error });
    }
  }

  #release(handle: NativeHandle): void {
    this.#used.delete(handle);
    handle.release();
    this.#released.push(handle);
  }

  #requireOpen(): void {
    if (this.#stopping !== undefined) throw new AgentError('CLOSED', 'the ROS node is stopped');
  }
}
