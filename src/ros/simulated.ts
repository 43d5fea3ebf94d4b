// ROS 2 in memory, for machines where it cannot be installed and for tests that need no network: the same names, types,
// errors, CDR bytes and rules of matching as the real node. Nodes that share a world hear each other.
import { AgentError } from '../errors.ts';
import { type Codec, codecs } from './codec.ts';
import { Delivery, subscriptionOf } from './delivery.ts';
import { checkNodeName, requireTopicName, resolveDomainId } from './names.ts';
import { matches } from './qos.ts';
import { type Gathered, Rounds } from './rounds.ts';
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
import { wellKnownDefinitions } from './wellKnown.ts';

interface Endpoint {
  readonly node: SimulatedRos;
  readonly topic: string;
  readonly type: string;
  readonly qos: QosProfile;
}

interface Writer extends Endpoint {
  /** The last samples of a transient-local publisher, for subscribers that come late. */
  readonly kept: Buffer[];
}

interface Reader extends Endpoint, Gathered {
  readonly delivery: Delivery;
  readonly waiting: Buffer[];
  closed: boolean;
}

/** What nodes share: a DDS domain without a network. */
export class SimulatedWorld {
  readonly writers = new Set<Writer>();
  readonly readers = new Set<Reader>();
}

export interface SimulatedOptions extends Partial<RosNodeOptions> {
  readonly world?: SimulatedWorld;
  /** .msg texts by long type name, beside the well-known ones. */
  readonly definitions?: Readonly<Record<string, string>>;
}

export class SimulatedRos implements RosNode {
  served = 0;
  readonly name: string;
  readonly namespace: string;
  readonly #world: SimulatedWorld;
  readonly #codec: (type: string) => Codec;
  readonly #domainId: SimulatedOptions['domainId'];
  readonly #rounds = new Rounds(() => this.#wake());
  #turnDue = false;
  #stopping: Promise<void> | undefined;

  constructor(options: SimulatedOptions = {}) {
    this.name = options.name ?? 'simulated';
    this.namespace = options.namespace ?? '/';
    this.#world = options.world ?? new SimulatedWorld();
    this.#codec = codecs(wellKnownDefinitions(options.definitions));
    this.#domainId = options.domainId;
  }

  /** Checks what the real node checks at its start. @throws AgentError ROS_DOMAIN_INVALID, ROS_TOPIC_INVALID */
  start(): this {
    resolveDomainId(this.#domainId, process.env.ROS_DOMAIN_ID);
    const problem = checkNodeName(this.name);
    if (problem !== undefined) throw new AgentError('ROS_TOPIC_INVALID', problem);
    if (this.namespace !== '/') requireTopicName(this.namespace);
    return this;
  }

  subscribe(options: SubscribeOptions): RosSubscription {
    this.#requireOpen();
    const topic = requireTopicName(options.topic);
    const codec = this.#codec(options.type);
    this.#requireOneType(topic, codec);
    const delivery = new Delivery(options, codec);
    const reader: Reader = {
      node: this,
      topic,
      type: codec.type.full,
      qos: options.qos,
      delivery,
      waiting: [],
      closed: false,
      everyMs: options.everyMs ?? 0,
      tookMs: Number.NEGATIVE_INFINITY,
      look: () => take(reader),
    };
    this.#world.readers.add(reader);
    for (const writer of this.#world.writers) {
      if (!hears(reader, writer) || reader.qos.durability !== 'transient_local') continue;
      for (const bytes of writer.kept) this.#offer(reader, bytes);
    }
    return subscriptionOf(delivery, {
      look: () => {
        take(reader);
      },
      close: () => this.#close(reader),
    });
  }

  advertise(topic: string, type: string, qos: QosProfile = DEFAULT_QOS): RosPublisher {
    this.#requireOpen();
    requireTopicName(topic);
    const codec = this.#codec(type);
    this.#requireOneType(topic, codec);
    const writer: Writer = {
      node: this,
      topic,
      type: codec.type.full,
      qos,
      kept: [],
    };
    const { writers, readers } = this.#world;
    writers.add(writer);
    const heard = () => [...readers].filter((reader) => hears(reader, writer));
    return {
      get subscribers() {
        return writers.has(writer) ? heard().length : 0;
      },
      publish: (message: RosMessage) => {
        if (!writers.has(writer)) throw new AgentError('CLOSED', `the publisher on ${topic} is closed`);
        const bytes = codec.encode(message);
        if (qos.durability === 'transient_local') keep(writer.kept, bytes, qos.depth);
        for (const reader of heard()) this.#offer(reader, bytes);
      },
      close: () => {
        writers.delete(writer);
      },
    };
  }

  /** Gives bytes as they are to every subscription on the topic: how a garbled sample is made. */
  inject(topic: string, bytes: Buffer): void {
    for (const reader of this.#world.readers) if (reader.topic === topic) this.#offer(reader, bytes);
  }

  publishersOf(topic: string): readonly EndpointInfo[] {
    this.#requireOpen();
    requireTopicName(topic);
    const { writers } = this.#world;
    return [...writers]
      .filter((writer) => writer.topic === topic)
      .map(({ node, type, qos: { reliability, durability } }) => ({
        node: node.name,
        namespace: node.namespace,
        type,
        qos: { reliability, durability },
      }));
  }

  topics(): readonly TopicInfo[] {
    this.#requireOpen();
    const types = new Map<string, Set<string>>();
    for (const { topic, type } of [...this.#world.writers, ...this.#world.readers]) {
      types.set(topic, (types.get(topic) ?? new Set()).add(type));
    }
    return [...types].map(([topic, of]) => ({ topic, types: [...of] }));
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
    for (const reader of this.#world.readers) if (reader.node === this) this.#close(reader);
    for (const writer of this.#world.writers) if (writer.node === this) this.#world.writers.delete(writer);
  }

  #offer(reader: Reader, bytes: Buffer): void {
    keep(reader.waiting, bytes, reader.qos.depth);
    reader.node.#wake();
  }

  /** Samples are handed over in a later task, never inside `publish`. */
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
    this.served += 1;
    const nowMs = performance.now();
    for (const reader of this.#world.readers) {
      if (reader.node !== this || reader.waiting.length === 0 || this.#rounds.has(reader)) continue;
      if (nowMs - reader.tookMs >= reader.everyMs) reader.look();
      else this.#rounds.join(reader);
    }
  }

  #close(reader: Reader): void {
    reader.closed = true;
    reader.delivery.close();
    this.#rounds.leave(reader);
    this.#world.readers.delete(reader);
  }

  /** As Fast DDS has it: within one node a topic has one type. */
  #requireOneType(topic: string, { type }: Codec): void {
    const ours = [...this.#world.writers, ...this.#world.readers].filter((end) => end.node === this && end.topic === topic);
    const other = ours.find((end) => end.type !== type.full);
    if (other === undefined) return;
    throw new AgentError('ROS_TOPIC_INVALID', `ROS refuses topic ${topic} of type ${type.full}: this node has it as ${other.type}`);
  }

  #requireOpen(): void {
    if (this.#stopping !== undefined) throw new AgentError('CLOSED', 'the ROS node is stopped');
  }
}

function hears(reader: Reader, writer: Writer): boolean {
  return reader.topic === writer.topic && reader.type === writer.type && matches(writer.qos, reader.qos);
}

function take(reader: Reader): 'nothing' | 'all' {
  const waiting = reader.waiting.splice(0);
  if (waiting.length === 0) return 'nothing';
  reader.tookMs = performance.now();
  for (const bytes of waiting) if (!reader.closed) reader.delivery.sample(Buffer.from(bytes));
  return 'all';
}

/** Keep-last: the oldest gives way. */
function keep(samples: Buffer[], bytes: Buffer, depth: number): void {
  samples.push(bytes);
  if (samples.length > depth) samples.shift();
}
