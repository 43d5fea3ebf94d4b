// Runs a fresh bridge under a steady load, with an independent subscriber as the witness.
import { readFileSync } from 'node:fs';
import type { Program } from '../../scripts/lab/program.ts';
import { type Arrival, type Matched, match } from './figures.ts';
import { cpuSeconds, rssMb } from './process.ts';
import { MQTT_TOPIC, type Rig, type Signal } from './rig.ts';

/** `listen` only receives ROS messages in Node.js. It is the lower bound of all bridges. */
export const BRIDGES = ['agent', 'rclpy_paho', 'rclpy_paho_sqlite', 'rclnodejs_mqttjs'] as const;
export type Bridge = (typeof BRIDGES)[number] | 'listen';

export interface Load {
  readonly signal: Signal;
  readonly rate: number;
  readonly seconds: number;
  readonly slowFsyncUs?: number;
}

export interface Run extends Matched {
  readonly bridge: Bridge;
  /** The publisher's actual rate. */
  readonly rate: number;
  /** CPU in parts of a core during the load. */
  readonly cpuPercent: number;
  readonly rssMb: number;
  readonly fsyncs: number;
}

const WARMUP_S = 1;

/** Time to deliver the rest after the last publish, and the longest pause between two deliveries. */
const PATIENCE_MS = 30_000;
const SILENCE_MS = 3_500;
const LOOK_EVERY_MS = 250;

/** Starts a bridge for a signal. Resolves when it prints `connected`. */
export function startBridge(rig: Rig, bridge: Bridge, signal: Signal, env: NodeJS.ProcessEnv = {}): Program {
  const { topic, type, channel } = signal;
  const named = ['--topic', topic, '--type', type, '--channel', channel, '--mqtt-topic', MQTT_TOPIC];
  switch (bridge) {
    case 'agent':
      return rig.agent(env);
    case 'rclpy_paho':
      return rig.python('bridge.py', named, env);
    case 'rclpy_paho_sqlite':
      return rig.python('bridge.py', [...named, '--sqlite', rig.fresh('rows.db')], env);
    case 'rclnodejs_mqttjs':
      return rig.node('bridge.mjs', [topic, type, channel, MQTT_TOPIC], env);
    case 'listen':
      return rig.node('listen.mjs', [topic], env);
  }
}

export async function runBridge(rig: Rig, bridge: Bridge, load: Load): Promise<Run> {
  const { signal, rate, seconds, slowFsyncUs = 0 } = load;
  const counter = rig.fsyncCounter();
  const subscriber = rig.node('subscriber.mjs', [signal.channel, MQTT_TOPIC]);
  await subscriber.event('connected');
  const program = startBridge(rig, bridge, signal, rig.shimEnv(counter.file, slowFsyncUs));
  await program.event('connected');
  const publisher = startLoad(rig, signal, { rate, seconds });
  await publisher.program.event('started', undefined, 30_000);
  const cost = () => ({ cpu: cpuSeconds(program.pid), atMs: performance.now(), fsyncs: counter.read() });
  const before = cost();
  const done = await publisher.program.event('done', undefined, seconds * 4000 + PATIENCE_MS);
  const after = cost();
  const resident = rssMb(program.pid);
  const witness = bridge === 'listen' ? program : subscriber;
  await settled(witness, Number(done.count));
  const arrivals = await dump(rig, witness);
  publisher.program.order('enough');
  for (const each of [publisher.program, program, subscriber]) await rig.end(each);
  const matched = match(publisher.stamps(), arrivals, Number(done.warm), signal.type === 'float' ? 'value' : 'order');
  return {
    bridge,
    ...matched,
    rate: Number(done.rate),
    cpuPercent: (100 * (after.cpu - before.cpu)) / ((after.atMs - before.atMs) / 1000),
    rssMb: resident,
    fsyncs: after.fsyncs - before.fsyncs,
  };
}

export interface LoadOptions {
  readonly rate: number;
  readonly seconds: number;
  readonly more?: readonly string[];
}

export function startLoad(rig: Rig, signal: Signal, { rate, seconds, more = [] }: LoadOptions) {
  const out = rig.fresh('stamps');
  const args = ['--topic', signal.topic, '--type', signal.type, '--rate', String(rate), '--seconds', String(seconds), '--out', out];
  const program = rig.python('load.py', [...args, '--warmup', String(WARMUP_S), ...more]);
  return { program, stamps: () => readStamps(out) };
}

export function readStamps(file: string): number[] {
  const bytes = readFileSync(file);
  return [...new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))];
}

let asked = 0;

/** The number of the last order to a witness. The answer repeats it. */
async function ask(witness: Program, order: 'count' | 'dump', file = ''): Promise<number> {
  asked += 1;
  const id = asked;
  witness.order(`${order} ${id} ${file}`);
  const answer = await witness.event(order, (line) => line.id === id, PATIENCE_MS);
  return Number(answer.count);
}

export async function dump(rig: Rig, witness: Program): Promise<Arrival[]> {
  const file = rig.fresh('arrivals');
  await ask(witness, 'dump', file);
  return JSON.parse(readFileSync(file, 'utf8')) as Arrival[];
}

/** Resolves when all messages have arrived, or no more arrive. */
export async function settled(witness: Program, expected: number): Promise<void> {
  const untilMs = performance.now() + PATIENCE_MS;
  let last = -1;
  let changedMs = performance.now();
  for (;;) {
    const count = await ask(witness, 'count');
    const now = performance.now();
    if (count !== last) [last, changedMs] = [count, now];
    if (count >= expected || now - changedMs > SILENCE_MS || now > untilMs) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
