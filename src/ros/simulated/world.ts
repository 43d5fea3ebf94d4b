// The world that simulated nodes share: a DDS domain without a network.
import type { PolledSubscription } from '../batchPoller.ts';
import type { Dispatcher } from '../dispatcher.ts';
import { matches } from '../qos.ts';
import type { QosProfile, RosNodeOptions } from '../types.ts';

interface Endpoint {
  readonly node: SimulatedEndpointOwner;
  readonly topic: string;
  readonly type: string;
  readonly qos: QosProfile;
}

/** The node of an endpoint. */
export interface SimulatedEndpointOwner {
  readonly name: string;
  readonly namespace: string;
}

export interface Writer extends Endpoint {
  /** The last samples of a transient-local publisher, for late subscribers. */
  readonly kept: Buffer[];
}

export interface Reader extends Endpoint, PolledSubscription {
  readonly dispatcher: Dispatcher;
  readonly waiting: Buffer[];
  /** Tells the reader's node that a sample waits. */
  wake(): void;
  closed: boolean;
}

export class SimulatedWorld {
  readonly writers = new Set<Writer>();
  readonly readers = new Set<Reader>();
}

export interface SimulatedOptions extends Partial<RosNodeOptions> {
  readonly world?: SimulatedWorld;
  /** .msg texts by long type name, beside the well-known ones. */
  readonly definitions?: Readonly<Record<string, string>>;
}

export function isMatched(reader: Reader, writer: Writer): boolean {
  return reader.topic === writer.topic && reader.type === writer.type && matches(writer.qos, reader.qos);
}

export function offer(reader: Reader, bytes: Buffer): void {
  keep(reader.waiting, bytes, reader.qos.depth);
  reader.wake();
}

export function takeAll(reader: Reader): 'nothing' | 'all' {
  const waiting = reader.waiting.splice(0);
  if (waiting.length === 0) return 'nothing';
  reader.takenAtMs = performance.now();
  for (const bytes of waiting) if (!reader.closed) reader.dispatcher.dispatch(Buffer.from(bytes));
  return 'all';
}

/** History "keep last": the oldest sample is dropped. */
export function keep(samples: Buffer[], bytes: Buffer, depth: number): void {
  samples.push(bytes);
  if (samples.length > depth) samples.shift();
}
