// The real ROS node. Its executor waits in a thread of its own; each wake-up takes all samples that wait, because one sample
// a wake-up loses messages at rates a robot reaches. The wait is long (an idle robot costs next to nothing) and a guard
// condition cuts it short whenever something has to change, so that stopping or subscribing never waits for it.
import { AgentError, messageOf } from '../errors.ts';
import { loadBinding, type NativeBinding, type NativeExecutor, type NativeHandle } from './binding.ts';
import { type Codec, codecs } from './codec.ts';
import { Delivery } from './delivery.ts';
import { amentPrefixes, installedDefinitions, unknownType } from './installed.ts';
import { checkNodeName, requireTopicName, resolveDomainId } from './names.ts';
import { fromNativeQos, toNativeQos } from './qos.ts';
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

/** How long the executor's thread sleeps when nothing comes; only a fallback, the guard condition wakes it. */
const WAIT_MS = 1000;

/** Taken from one subscription in one turn, so that a flood on one topic leaves the others their turn (about 3 ms). */
export const SAMPLES_PER_TURN = 256;

/** If the executor doesn't answer the guard condition, stop anyway; the thread then ends with its wait. */
const PARK_TIMEOUT_MS = 500;

/** No log file (rcl ends the process where it can't write one) and no /rosout: our own log says it all. */
const ROS_ARGUMENTS = ['--ros-args', '--disable-external-lib-logs', '--disable-rosout-logs'];

interface Taken {
  readonly _handle: NativeHandle;
  readonly delivery: Delivery;
  closed: boolean;
}

/** @throws AgentError ROS_MISSING, ROS_BINARY, ROS_DOMAIN_INVALID, ROS_TOPIC_INVALID */
export async function startRosNode(options: RosNodeOptions & { readonly samplesPerTurn?: number }): Promise<RosNode> {
  const domainId = resolveDomainId(options.domainId, process.env.ROS_DOMAIN_ID);
  const namespace = options.namespace ?? '/';
  const problem = checkNodeName(options.name);
  if (problem !== undefined) throw new AgentError('ROS_TOPIC_INVALID', problem);
  if (namespace !== '/') requireTopicName(namespace);
  const binding = loadBinding();
  try {
    const context = binding.createContext();
    binding.init(context, ROS_ARGUMENTS, BigInt(domainId));
    const handle = binding.createNode(options.name, namespace, context, [], false, null);
    const node = new NativeNode(binding, context, handle, options.samplesPerTurn ?? SAMPLES_PER_TURN);
    node.start();
    return node;
  } catch (error) {
    throw new AgentError('ROS_MISSING', `ROS 2 does not start in domain ${domainId}: ${messageOf(error)}`, {
      todo: 'try `ros2 topic list` in the same environment',
      cause: error,
    });
  }
}

/** The addon reads the lists of this object by name (`_handle`, `_subscriptions`, `_guards`) when it synchronises. */
interface Executor extends NativeExecutor {
  _subscriptions: readonly Taken[];
  _guards: readonly { readonly _handle: NativeHandle }[];
}

function createExecutor(binding: NativeBinding, execute: (ready: readonly NativeHandle[]) => void): Executor {
  return new (class extends binding.ShadowNode {
    _subscriptions: readonly Taken[] = [];
    _guards: readonly { readonly _handle: NativeHandle }[] = [];
    execute = execute;
  })();
}

class NativeNode implements RosNode {
  served = 0;
  readonly #binding: NativeBinding;
  readonly #context: NativeHandle;
  readonly #node: NativeHandle;
  readonly #guard: NativeHandle;
  readonly #executor: Executor;
  readonly #codec: (type: string) => Codec;
  readonly #samplesPerTurn: number;
  readonly #publishers = new Set<NativeHandle>();
  /** The addon may still hold a closed handle in its list of ready ones, so none is given to the garbage collector. */
  readonly #released: NativeHandle[] = [];
  #waiting: (() => void)[] = [];
  #stopping: Promise<void> | undefined;

  constructor(binding: NativeBinding, context: NativeHandle, node: NativeHandle, samplesPerTurn: number) {
    this.#binding = binding;
    this.#context = context;
    this.#node = node;
    this.#samplesPerTurn = samplesPerTurn;
    this.#guard = binding.createGuardCondition(context);
    this.#codec = codecs(installedDefinitions(amentPrefixes()));
    this.#executor = createExecutor(binding, (ready) => this.#execute(ready));
  }

  start(): void {
    this.#executor._guards = [{ _handle: this.#guard }];
    this.#executor.start(this.#context, WAIT_MS);
    RUNNING.add(this);
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
    const taken: Taken = {
      _handle: handle,
      delivery: new Delivery(options, codec),
      closed: false,
    };
    this.#setSubscriptions([...this.#executor._subscriptions, taken]);
    const { delivery } = taken;
    return {
      get received() {
        return delivery.received;
      },
      get invalid() {
        return delivery.invalid;
      },
      get failed() {
        return delivery.failed;
      },
      get surplus() {
        return delivery.surplus;
      },
      close: () => this.#close(taken),
    };
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
    return this.#nextTurn();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#shutDown();
    return this.#stopping;
  }

  #execute(ready: readonly NativeHandle[]): void {
    this.served += 1;
    const stopping = this.#stopping !== undefined;
    if (stopping) this.#park();
    else for (const handle of ready) this.#take(this.#executor._subscriptions.find((taken) => taken._handle === handle));
    if (!stopping && !ready.includes(this.#guard)) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    // Resolved in a task of its own: by then the executor's callback has returned and its thread waits again.
    setImmediate(() => {
      for (const resolve of waiting) resolve();
    });
  }

  #take(taken: Taken | undefined): void {
    if (taken === undefined) return;
    for (let n = 0; n < this.#samplesPerTurn && !taken.closed; n += 1) {
      const bytes = this.#binding.rclTakeRaw(taken._handle);
      if (bytes === undefined) return;
      taken.delivery.sample(bytes);
    }
  }

  /** With no handles left the thread waits on a semaphore, out of reach of rcl; ending it there cannot miss a wake-up. */
  #park(): void {
    this.#executor._guards = [];
    this.#executor._subscriptions = [];
    this.#executor.syncHandles();
  }

  async #shutDown(): Promise<void> {
    const subscriptions = this.#executor._subscriptions;
    for (const taken of subscriptions) {
      taken.closed = true;
      taken.delivery.close();
    }
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PARK_TIMEOUT_MS);
    });
    await Promise.race([this.#nextTurn(), tooLong]);
    clearTimeout(timer);
    this.#executor.stop();
    RUNNING.delete(this);
    for (const taken of subscriptions) this.#release(taken._handle);
    for (const handle of this.#publishers) this.#release(handle);
    this.#publishers.clear();
    this.#release(this.#guard);
    this.#release(this.#node);
    this.#binding.shutdown(this.#context);
    this.#release(this.#context);
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#binding.triggerGuardCondition(this.#guard);
    });
  }

  #close(taken: Taken): void {
    if (taken.closed) return;
    taken.closed = true;
    taken.delivery.close();
    this.#setSubscriptions(this.#executor._subscriptions.filter((other) => other !== taken));
    this.#release(taken._handle);
  }

  /** The thread holds the handles while it waits: without the guard condition this would block for up to WAIT_MS. */
  #setSubscriptions(subscriptions: readonly Taken[]): void {
    this.#executor._subscriptions = subscriptions;
    this.#binding.triggerGuardCondition(this.#guard);
    this.#executor.syncHandles();
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
