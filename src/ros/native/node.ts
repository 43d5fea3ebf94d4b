// A node of the real ROS 2: its publishers and subscriptions, and its view of the graph.
import { messageOf } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import { type Codec, codecs } from '../codec.ts';
import { Dispatcher, subscriptionOf } from '../dispatcher.ts';
import { amentPrefixes, installedDefinitions, unknownType } from '../installed.ts';
import { requireTopicName } from '../names.ts';
import { DEFAULT_QOS } from '../qos.ts';
import type { SharedMemoryRepair } from '../sharedMemory/repair.ts';
import type { EndpointInfo, QosProfile, RosNode, RosPublisher, RosSubscription, SubscribeOptions, TopicInfo } from '../types.ts';
import { Executor, Subscription } from './executor.ts';
import type { NativeBinding, NativeHandle } from './functions.ts';
import { fromNativeQos, toNativeQos } from './qos.ts';

/** Keeps running nodes from the garbage collector: it would delete the addon's executor while its thread runs. */
const RUNNING = new Set<NativeNode>();

export class NativeNode implements RosNode {
  readonly #binding: NativeBinding;
  readonly #context: NativeHandle;
  readonly #node: NativeHandle;
  readonly #executor: Executor;
  readonly #codec: (type: string) => Codec;
  readonly #samplesPerTurn: number;
  readonly #publishers = new Set<NativeHandle>();
  /** The addon may still list a released handle as ready, so the garbage collector must not delete its object. */
  readonly #released: NativeHandle[] = [];
  #endRepair: () => void = () => undefined;
  #stopping: Promise<void> | undefined;

  constructor(binding: NativeBinding, context: NativeHandle, node: NativeHandle, samplesPerTurn: number) {
    this.#binding = binding;
    this.#context = context;
    this.#node = node;
    this.#samplesPerTurn = samplesPerTurn;
    this.#codec = codecs(installedDefinitions(amentPrefixes()));
    this.#executor = new Executor(binding, context);
  }

  start(sharedMemory: SharedMemoryRepair | undefined): void {
    this.#executor.start();
    RUNNING.add(this);
    if (sharedMemory !== undefined) this.#endRepair = sharedMemory.start();
  }

  get turns(): number {
    return this.#executor.turns;
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
    const dispatcher = new Dispatcher(options, codec);
    const subscription = new Subscription(this.#binding, handle, dispatcher, options.everyMs ?? 0, this.#samplesPerTurn);
    this.#executor.add(subscription);
    return subscriptionOf(dispatcher, {
      poll: () => {
        if (this.#stopping === undefined) subscription.poll();
      },
      close: () => {
        if (subscription.closed) return;
        this.#executor.remove(subscription);
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
    return this.#executor.nextTurn();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#shutDown();
    return this.#stopping;
  }

  async #shutDown(): Promise<void> {
    this.#endRepair();
    await this.#executor.stop();
    RUNNING.delete(this);
    for (const handle of this.#executor.handles()) this.#release(handle);
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
