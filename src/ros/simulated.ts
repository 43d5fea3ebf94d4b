// A ROS 2 node in memory, for machines without ROS and for tests without a network. It has the same names, types, errors, CDR bytes and
// matching rules as the real node. Nodes that share a world receive each other's samples.
import { AgentError } from '../errors.ts';
import { BatchPoller } from './batchPoller.ts';
import { type Codec, codecs } from './codec.ts';
import type { Origin } from './merge.ts';
import { fullName, requireNodeNames, requireTopicName, secondType } from './names.ts';
import { isCompatible } from './qos.ts';
import { type PollOutcome, Subscription, type SubscriptionParts } from './subscription.ts';
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
} from './types.ts';
import { wellKnownDefinitions } from './wellKnown.ts';

interface Endpoint {
  readonly node: SimulatedRos;
  readonly topic: string;
  readonly type: string;
  readonly qos: QosProfile;
}

interface Sample {
  readonly bytes: Buffer;
  readonly origin: Origin;
}

interface Writer extends Endpoint {
  readonly id: string;
  sent: bigint;
  /** The last samples of a transient-local publisher, which late subscribers still receive. */
  readonly kept: Sample[];
}

interface Reader extends Endpoint {
  readonly waiting: Sample[];
}

class SimulatedSubscription extends Subscription {
  readonly node: SimulatedRos;
  readonly readers: readonly Reader[];

  constructor(node: SimulatedRos, parts: SubscriptionParts) {
    super(parts);
    const { codec, options } = parts;
    this.node = node;
    this.readers = this.profiles.map((qos) => ({ node, topic: options.topic, type: codec.type.full, qos, waiting: [] }));
  }

  get isWaiting(): boolean {
    return this.readers.some(({ waiting }) => waiting.length > 0);
  }

  take(): PollOutcome {
    if (!this.isWaiting) return 'nothing';
    this.takenAtMs = performance.now();
    for (const [index, { waiting }] of this.readers.entries()) {
      for (const { bytes, origin } of waiting.splice(0)) if (!this.isClosed) this.receive(index, origin, () => Buffer.from(bytes));
    }
    return 'all';
  }
}

/** A DDS domain without a network. */
export class SimulatedWorld {
  readonly writers = new Set<Writer>();
  readonly nodes = new Set<SimulatedRos>();
  readonly subscriptions = new Set<SimulatedSubscription>();
  /** The number of writers so far, and of injected samples. */
  ids = 0;

  get readers(): Reader[] {
    return [...this.subscriptions].flatMap(({ readers }) => readers);
  }
}

interface SimulatedOptions extends Partial<RosNodeOptions> {
  readonly world?: SimulatedWorld;
  /** The .msg texts of additional types, keyed by full type name. They take precedence over the well-known types. */
  readonly definitions?: Readonly<Record<string, string>>;
}

export class SimulatedRos implements KeepableNode {
  turns = 0;
  readonly name: string;
  readonly namespace: string;
  readonly #world: SimulatedWorld;
  readonly #codec: (type: string) => Codec;
  readonly #domainId: SimulatedOptions['domainId'];
  readonly #poller = new BatchPoller(() => this.#wake());
  #turnDue = false;
  #stopping: Promise<void> | undefined;

  constructor(options: SimulatedOptions = {}) {
    this.name = options.name ?? 'simulated';
    this.namespace = options.namespace ?? '/';
    this.#world = options.world ?? new SimulatedWorld();
    this.#codec = codecs(wellKnownDefinitions(options.definitions));
    this.#domainId = options.domainId;
    this.#world.nodes.add(this);
  }

  /** Checks the names as the real node does. @throws AgentError ROS_DOMAIN_INVALID, ROS_TOPIC_INVALID */
  start(): this {
    requireNodeNames({ name: this.name, namespace: this.namespace, domainId: this.#domainId });
    return this;
  }

  subscribe(options: SubscribeOptions): KeepableSubscription {
    const codec = this.#codecFor(options.topic, options.type);
    const { writers, subscriptions } = this.#world;
    const subscription = new SimulatedSubscription(this, {
      options,
      codec,
      offerOf: (publisher) => [...writers].find(({ id }) => id === publisher)?.qos,
      onClose: () => {
        this.#poller.remove(subscription);
        subscriptions.delete(subscription);
      },
    });
    subscriptions.add(subscription);
    for (const writer of writers) {
      for (const reader of subscription.readers) {
        if (!isMatched(reader, writer) || reader.qos.durability !== 'transient_local') continue;
        for (const sample of writer.kept) this.#offer(reader, sample);
      }
    }
    return subscription;
  }

  advertise(topic: string, type: string, qos: QosProfile = DEFAULT_QOS): RosPublisher {
    const codec = this.#codecFor(topic, type);
    const world = this.#world;
    const { writers } = world;
    const writer: Writer = { node: this, topic, type: codec.type.full, qos, id: String(++world.ids), sent: 0n, kept: [] };
    writers.add(writer);
    const matched = () => world.readers.filter((reader) => isMatched(reader, writer));
    return {
      get subscribers() {
        return writers.has(writer) ? matched().length : 0;
      },
      get isAcknowledged() {
        return writers.has(writer);
      },
      publish: (message) => {
        if (!writers.has(writer)) throw new AgentError('CLOSED', `the publisher on ${topic} is closed`);
        const bytes = codec.encode(message);
        writer.sent += 1n;
        const sample = { bytes, origin: { publisher: writer.id, order: writer.sent, isNumbered: true } };
        if (qos.durability === 'transient_local') keep(writer.kept, sample, qos.depth);
        for (const reader of matched()) this.#offer(reader, sample);
      },
      close: () => {
        writers.delete(writer);
      },
    };
  }

  /** Delivers raw bytes to all subscriptions on the topic, so that a test can send a malformed sample. */
  inject(topic: string, bytes: Buffer): void {
    const origin = { publisher: String(++this.#world.ids), order: 1n, isNumbered: true };
    for (const reader of this.#world.readers) if (reader.topic === topic) this.#offer(reader, { bytes, origin });
  }

  publishersOf(topic: string): readonly EndpointInfo[] {
    this.#requireOpen();
    return endpointsOn(requireTopicName(topic), this.#world.writers);
  }

  subscriptionsOf(topic: string): readonly EndpointInfo[] {
    this.#requireOpen();
    return endpointsOn(requireTopicName(topic), this.#world.readers);
  }

  topics(): readonly TopicInfo[] {
    this.#requireOpen();
    const types = new Map<string, Set<string>>();
    for (const { topic, type } of this.#endpoints()) types.set(topic, (types.get(topic) ?? new Set()).add(type));
    return [...types].map(([topic, names]) => ({ topic, types: [...names] }));
  }

  nodes(): readonly string[] {
    this.#requireOpen();
    return [...this.#world.nodes].map(({ name, namespace }) => fullName({ node: name, namespace }));
  }

  turn(): Promise<void> {
    this.#requireOpen();
    return new Promise((resolve) => {
      this.#wake();
      setImmediate(resolve);
    });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#leave();
    return this.#stopping;
  }

  async #leave(): Promise<void> {
    this.#world.nodes.delete(this);
    for (const subscription of this.#world.subscriptions) if (subscription.node === this) subscription.close();
    for (const writer of this.#world.writers) if (writer.node === this) this.#world.writers.delete(writer);
  }

  #offer(reader: Reader, sample: Sample): void {
    keep(reader.waiting, sample, reader.qos.depth);
    reader.node.#wake();
  }

  /** Delivers samples in a later task, because handlers must never run inside `publish`. */
  #wake(): void {
    if (this.#turnDue) return;
    this.#turnDue = true;
    setImmediate(() => {
      this.#turnDue = false;
      this.#execute();
    });
  }

  #execute(): void {
    if (this.#stopping !== undefined) return;
    this.turns += 1;
    const nowMs = performance.now();
    for (const subscription of this.#world.subscriptions) {
      if (subscription.node !== this || !subscription.isWaiting || this.#poller.has(subscription)) continue;
      if (nowMs - subscription.takenAtMs >= subscription.everyMs) subscription.take();
      else this.#poller.add(subscription);
    }
  }

  #endpoints(): readonly Endpoint[] {
    return [...this.#world.writers, ...this.#world.readers];
  }

  /** Refuses a second type for a topic, because Fast DDS allows one node to use only one type per topic. */
  #codecFor(topic: string, type: string): Codec {
    this.#requireOpen();
    requireTopicName(topic);
    const codec = this.#codec(type);
    const { full } = codec.type;
    const other = this.#endpoints().find((end) => end.node === this && end.topic === topic && end.type !== full);
    if (other === undefined) return codec;
    throw secondType(topic, full, other.type);
  }

  #requireOpen(): void {
    if (this.#stopping !== undefined) throw new AgentError('CLOSED', 'the ROS node is stopped');
  }
}

function endpointsOn(topic: string, endpoints: Iterable<Endpoint>): EndpointInfo[] {
  return [...endpoints]
    .filter((endpoint) => endpoint.topic === topic)
    .map(({ node: { name: node, namespace }, type, qos: { reliability, durability } }) => ({
      node,
      namespace,
      type,
      qos: { reliability, durability },
    }));
}

function isMatched(reader: Reader, { topic, type, qos }: Writer): boolean {
  return topic === reader.topic && type === reader.type && isCompatible(qos, reader.qos);
}

/** Implements the QoS history "keep last": once `depth` samples are kept, each new sample replaces the oldest. */
function keep(samples: Sample[], sample: Sample, depth: number): void {
  samples.push(sample);
  if (samples.length > depth) samples.shift();
}
