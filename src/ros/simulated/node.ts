// ROS 2 in memory, for machines without ROS and for tests that need no network: the same names, types, errors, CDR bytes and matching rules
// as the real node. Nodes that share a world hear each other.
import { AgentError } from '../../errors.ts';
import { BatchPoller } from '../batchPoller.ts';
import { type Codec, codecs } from '../codec.ts';
import { Dispatcher, subscriptionOf } from '../dispatcher.ts';
import { requireNodeNames, requireTopicName } from '../names.ts';
import { DEFAULT_QOS } from '../qos.ts';
import type { EndpointInfo, QosProfile, RosNode, RosPublisher, RosSubscription, SubscribeOptions, TopicInfo } from '../types.ts';
import { wellKnownDefinitions } from '../wellKnown.ts';
import { isMatched, keep, offer, type Reader, type SimulatedOptions, SimulatedWorld, takeAll, type Writer } from './world.ts';

export class SimulatedRos implements RosNode {
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
  }

  /** Checks the names as the real node does. @throws AgentError ROS_DOMAIN_INVALID, ROS_TOPIC_INVALID */
  start(): this {
    requireNodeNames({ name: this.name, namespace: this.namespace, domainId: this.#domainId });
    return this;
  }

  subscribe(options: SubscribeOptions): RosSubscription {
    this.#requireOpen();
    const topic = requireTopicName(options.topic);
    const codec = this.#codec(options.type);
    this.#requireOneType(topic, codec);
    const dispatcher = new Dispatcher(options, codec);
    const reader: Reader = {
      node: this,
      topic,
      type: codec.type.full,
      qos: options.qos,
      dispatcher,
      waiting: [],
      closed: false,
      everyMs: options.everyMs ?? 0,
      takenAtMs: Number.NEGATIVE_INFINITY,
      poll: () => takeAll(reader),
      wake: () => this.#wake(),
    };
    this.#world.readers.add(reader);
    for (const writer of this.#world.writers) {
      if (!isMatched(reader, writer) || reader.qos.durability !== 'transient_local') continue;
      for (const bytes of writer.kept) offer(reader, bytes);
    }
    return subscriptionOf(dispatcher, {
      poll: () => {
        takeAll(reader);
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
    const matched = () => [...readers].filter((reader) => isMatched(reader, writer));
    return {
      get subscribers() {
        return writers.has(writer) ? matched().length : 0;
      },
      publish: (message) => {
        if (!writers.has(writer)) throw new AgentError('CLOSED', `the publisher on ${topic} is closed`);
        const bytes = codec.encode(message);
        if (qos.durability === 'transient_local') keep(writer.kept, bytes, qos.depth);
        for (const reader of matched()) offer(reader, bytes);
      },
      close: () => {
        writers.delete(writer);
      },
    };
  }

  /** Gives raw bytes to every subscription on the topic, so that a test can send a garbled sample. */
  inject(topic: string, bytes: Buffer): void {
    for (const reader of this.#world.readers) if (reader.topic === topic) offer(reader, bytes);
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
    return [...types].map(([topic, names]) => ({ topic, types: [...names] }));
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
    this.turns += 1;
    const nowMs = performance.now();
    for (const reader of this.#world.readers) {
      if (reader.node !== this || reader.waiting.length === 0 || this.#poller.has(reader)) continue;
      if (nowMs - reader.takenAtMs >= reader.everyMs) reader.poll();
      else this.#poller.add(reader);
    }
  }

  #close(reader: Reader): void {
    reader.closed = true;
    reader.dispatcher.close();
    this.#poller.remove(reader);
    this.#world.readers.delete(reader);
  }

  /** Fast DDS allows one type for a topic within one node. */
  #requireOneType(topic: string, { type }: Codec): void {
    const endpoints = [...this.#world.writers, ...this.#world.readers].filter((end) => end.node === this && end.topic === topic);
    const other = endpoints.find((end) => end.type !== type.full);
    if (other === undefined) return;
    throw new AgentError('ROS_TOPIC_INVALID', `ROS refuses topic ${topic} of type ${type.full}: this node has it as ${other.type}`);
  }

  #requireOpen(): void {
    if (this.#stopping !== undefined) throw new AgentError('CLOSED', 'the ROS node is stopped');
  }
}
