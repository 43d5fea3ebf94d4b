// Keeps the ROS node and its subscriptions while one agent hands over to the next in the same process. DDS would have to match each publisher
// with a new subscription, and a message that is published meanwhile, such as a fall, would be lost.
import { AgentError } from '../errors.ts';
import type {
  KeepableNode,
  KeepableSubscription,
  QosProfile,
  RosNode,
  RosNodeOptions,
  RosPublisher,
  RosSubscription,
  SubscribeOptions,
} from './types.ts';

type StartKeepable = (options: RosNodeOptions) => Promise<KeepableNode>;

export class KeptRos {
  readonly #start: StartKeepable;
  /** The names and the domain of the node. */
  #key = '';
  #node: KeepableNode | undefined;
  /** The subscriptions without a receiver. Their samples wait. */
  readonly #waiting = new Map<KeepableSubscription, SubscribeOptions>();
  #isHandingOver = false;

  constructor(start: StartKeepable) {
    this.#start = start;
  }

  /** From now on, an agent that stops leaves the node and its subscriptions to the next one. */
  handOver(): void {
    this.#isHandingOver = true;
  }

  /** Closes the subscriptions that the next agent does not use. From now on, an agent that stops ends the node. */
  handedOver(): void {
    this.#isHandingOver = false;
    for (const subscription of this.#waiting.keys()) subscription.close();
    this.#waiting.clear();
  }

  /** @returns the node for one agent: the kept one, if it fits. @throws the errors of the start. */
  async start(options: RosNodeOptions): Promise<RosNode> {
    const { name, namespace, domainId } = options;
    const key = JSON.stringify([name, namespace, domainId]);
    if (key !== this.#key) await this.end();
    this.#node ??= await this.#start(options);
    this.#key = key;
    return new LentNode(this.#node, this, () => this.#isHandingOver);
  }

  /** Ends the node. May be called twice. */
  async end(): Promise<void> {
    const node = this.#node;
    this.#node = undefined;
    this.#waiting.clear();
    await node?.stop();
  }

  /** @returns a waiting subscription that equals this one. Those of another type are closed, as a node has one type for each topic. */
  claim(options: SubscribeOptions): KeepableSubscription | undefined {
    for (const [subscription, waiting] of this.#waiting) {
      const isEqual = keyOf(waiting) === keyOf(options);
      const isOtherType = waiting.topic === options.topic && waiting.type !== options.type;
      if (isEqual || isOtherType) this.#waiting.delete(subscription);
      if (isOtherType) subscription.close();
      if (!isEqual) continue;
      subscription.resume(options);
      return subscription;
    }
    return undefined;
  }

  keep(subscription: KeepableSubscription, options: SubscribeOptions): void {
    subscription.hold();
    this.#waiting.set(subscription, options);
  }
}

function keyOf({ topic, type, qos, everyMs, maxPerSecond }: SubscribeOptions): string {
  return JSON.stringify([topic, type, qos, everyMs, maxPerSecond]);
}

/** The node as one agent uses it. */
class LentNode implements RosNode {
  readonly #node: KeepableNode;
  readonly #owner: KeptRos;
  readonly #isHandingOver: () => boolean;
  readonly #subscriptions = new Set<LentSubscription>();
  readonly #publishers = new Set<RosPublisher>();
  #isStopped = false;

  constructor(node: KeepableNode, owner: KeptRos, isHandingOver: () => boolean) {
    this.#node = node;
    this.#owner = owner;
    this.#isHandingOver = isHandingOver;
  }

  get turns(): number {
    return this.#node.turns;
  }

  subscribe(options: SubscribeOptions): RosSubscription {
    const own = this.#open().#owner.claim(options) ?? this.#node.subscribe(options);
    const subscription = new LentSubscription(own, () => {
      this.#subscriptions.delete(subscription);
      if (this.#isHandingOver()) this.#owner.keep(own, options);
      else own.close();
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  advertise(topic: string, type: string, qos?: QosProfile): RosPublisher {
    const publisher = this.#open().#node.advertise(topic, type, qos);
    this.#publishers.add(publisher);
    return publisher;
  }

  publishersOf(topic: string): ReturnType<RosNode['publishersOf']> {
    return this.#open().#node.publishersOf(topic);
  }

  subscriptionsOf(topic: string): ReturnType<RosNode['subscriptionsOf']> {
    return this.#open().#node.subscriptionsOf(topic);
  }

  topics(): ReturnType<RosNode['topics']> {
    return this.#open().#node.topics();
  }

  nodes(): readonly string[] {
    return this.#open().#node.nodes();
  }

  turn(): Promise<void> {
    return this.#open().#node.turn();
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    if (!this.#isHandingOver()) return this.#owner.end();
    for (const subscription of this.#subscriptions) subscription.close();
    for (const publisher of this.#publishers) publisher.close();
  }

  #open(): this {
    if (this.#isStopped) throw new AgentError('CLOSED', 'the ROS node is stopped');
    return this;
  }
}

/** A subscription whose end may leave it to the next agent. */
class LentSubscription implements RosSubscription {
  readonly #own: RosSubscription;
  readonly #onClose: () => void;
  #isClosed = false;

  constructor(own: RosSubscription, onClose: () => void) {
    this.#own = own;
    this.#onClose = onClose;
  }

  get received(): number {
    return this.#own.received;
  }

  get invalid(): number {
    return this.#own.invalid;
  }

  get failed(): number {
    return this.#own.failed;
  }

  get dropped(): number {
    return this.#own.dropped;
  }

  get lost(): number {
    return this.#own.lost;
  }

  get largest(): number {
    return this.#own.largest;
  }

  poll(): void {
    this.#own.poll();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClose();
  }
}
