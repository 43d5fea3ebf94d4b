// Creates the load and the first ledger: an rclpy program publishes on every channel, and records each value before it publishes it. Values
// are unique and count up by one, which reveals holes and repetitions.
import type { Published } from '../../scripts/lab/ledgers.ts';
import { type Fields, RosPeer } from '../support/ros.ts';

const BOOL = 'std_msgs/msg/Bool';
const CHANNELS = [
  { channel: 'gas', topic: '/gas_detected', type: BOOL },
  { channel: 'battery', topic: '/battery_state', type: 'sensor_msgs/msg/BatteryState' },
  { channel: 'fire', topic: '/fire_detected', type: BOOL },
  { channel: 'temperature', topic: '/jetson_temperature', type: 'sensor_msgs/msg/Temperature' },
  { channel: 'fall', topic: '/fall_detected', type: BOOL },
  { channel: 'stranger', topic: '/stranger_detected', type: BOOL },
] as const;

const TICK_MS = 20;
/** Temperatures from 20 to 150 degrees, in steps that a reading preserves. */
const STEPS_PER_DEGREE = 1_000;
const LOWEST = 20;
export const MOST_TEMPERATURES = (150 - LOWEST) * STEPS_PER_DEGREE;
const STEPS_OF_CHARGE = 100_000;

export class Load {
  readonly published: Published[] = [];
  readonly #peer: RosPeer;
  readonly #perSecond: number;
  readonly #pending = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #count = 0;
  #error: unknown;

  private constructor(peer: RosPeer, perSecond: number) {
    this.#peer = peer;
    this.#perSecond = perSecond;
  }

  static async create(perSecond: number): Promise<Load> {
    const peer = await RosPeer.start('house');
    for (const { topic, type } of CHANNELS) await peer.advertise(topic, type, { depth: 1_000 });
    return new Load(peer, perSecond);
  }

  get peer(): RosPeer {
    return this.#peer;
  }

  start(): void {
    if (this.#timer) return;
    const startedMs = performance.now();
    const before = this.#count;
    this.#timer = setInterval(() => {
      const due = before + Math.floor(((performance.now() - startedMs) / 1000) * this.#perSecond);
      while (this.#count < due) this.#publish();
    }, TICK_MS);
  }

  /** Resolves when all started messages are published. */
  async pause(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await Promise.all(this.#pending);
    if (this.#error) throw this.#error;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#peer.close();
  }

  #publish(): void {
    const i = this.#count++;
    const { channel, topic, type } = CHANNELS[i % CHANNELS.length] ?? CHANNELS[0];
    const { fields, value } = message(channel, Math.floor(i / CHANNELS.length));
    this.published.push({ channel, value });
    const done = this.#peer.publish(topic, type, fields).catch((error: unknown) => {
      this.#error ??= error;
    });
    this.#pending.add(done);
    void done.then(() => this.#pending.delete(done));
  }
}

function message(channel: string, n: number): { fields: Fields; value: boolean | number } {
  if (channel === 'battery') {
    // A percentage of 0 right after a full battery would not be believed.
    const percentage = Math.fround((1 + (n % STEPS_OF_CHARGE)) / STEPS_OF_CHARGE);
    return { fields: { percentage }, value: Number((Number(percentage.toPrecision(7)) * 100).toPrecision(12)) };
  }
  if (channel === 'temperature') {
    const temperature = LOWEST + (n % MOST_TEMPERATURES) / STEPS_PER_DEGREE;
    return { fields: { temperature }, value: temperature };
  }
  return { fields: { data: n % 2 === 1 }, value: n % 2 === 1 };
}

/** The position of a temperature in the order of publishing. */
export function temperatureNumber(value: number): number {
  return Math.round((value - LOWEST) * STEPS_PER_DEGREE);
}
