// Simulated sensors on a ROS node. Publishes plausible messages for each configured channel, and reports the commands that the agent
// publishes. A fault turns a sensor's event on or off, or mutes the sensor.
import { AUTO_UNIT, BOOL, type ChannelConfig, type Config, DEFINED_SCALE, EMPTY, isPercent, publicationsOf } from '../config/index.ts';
import type { RosMessage, RosNode, RosPublisher } from '../ros/index.ts';

export type Fault = 'on' | 'off' | 'mute' | 'unmute';

const PUBLISH_EVERY_MS = 500;

/** Period of the sine wave that measured values follow. */
const WAVE_MS = 120_000;

interface PlacedSensor {
  readonly sensor: Sensor;
  readonly publisher: RosPublisher;
  isOn: boolean;
  isMute: boolean;
}

export class SimulatedSensors {
  readonly #node: RosNode;
  readonly #sensors = new Map<string, PlacedSensor>();
  readonly #report: (event: Readonly<Record<string, unknown>>) => void;
  readonly #startedMs = performance.now();
  #timer: NodeJS.Timeout | undefined;

  /** @param report called for each fault, each command that the agent publishes, and each channel that can't be simulated. */
  constructor(node: RosNode, config: Config, report: (event: Readonly<Record<string, unknown>>) => void) {
    this.#node = node;
    this.#report = report;
    for (const [name, channel] of Object.entries(config.channels)) {
      const sensor = sensorOf(channel);
      if (sensor) this.#sensors.set(name, { sensor, publisher: node.advertise(channel.topic, sensor.type), isOn: false, isMute: false });
      else report({ event: 'not_simulated', channel: name });
    }
    const subscribed = new Set<string>();
    for (const { topic, type, qos } of Object.values(config.commands).flatMap(publicationsOf)) {
      if (!subscribed.has(topic))
        node.subscribe({ topic, type, qos, onMessage: (message) => report({ event: 'commanded', topic, message }) });
      subscribed.add(topic);
    }
  }

  get channels(): readonly string[] {
    return [...this.#sensors.keys()];
  }

  start(): void {
    this.#timer = setInterval(() => {
      for (const placed of this.#sensors.values()) this.#publish(placed);
    }, PUBLISH_EVERY_MS);
  }

  /** Applies a fault and publishes the new value at once, unless the sensor is muted. */
  cause(name: string, fault: Fault): void {
    const placed = this.#sensors.get(name);
    if (!placed) return;
    if (fault === 'mute' || fault === 'unmute') placed.isMute = fault === 'mute';
    else placed.isOn = fault === 'on';
    this.#report({ event: 'fault', channel: name, fault });
    this.#publish(placed);
  }

  /** Starts or ends a sensor's event or, if `isMute` is true, switches the sensor off or on. */
  toggle(name: string, isMute: boolean): void {
    const placed = this.#sensors.get(name);
    if (isMute) this.cause(name, placed?.isMute ? 'unmute' : 'mute');
    else this.cause(name, placed?.isOn ? 'off' : 'on');
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#node.stop();
  }

  #publish({ sensor, publisher, isOn, isMute }: PlacedSensor): void {
    const message = isMute ? undefined : sensor.message(isOn, performance.now() - this.#startedMs);
    if (message) publisher.publish(message);
  }
}

interface Sensor {
  readonly type: string;
  /**
   * @param isOn whether the sensor's event (such as a fall or a high temperature) is happening.
   * @param nowMs milliseconds since the simulation started. @returns undefined if the sensor has nothing to say.
   */
  message(isOn: boolean, nowMs: number): RosMessage | undefined;
}

/** @returns undefined if no messages can be generated for the channel: it reads diagnostics, or its path has an array index. */
export function sensorOf(channel: ChannelConfig): Sensor | undefined {
  const isAlert = channel.class === 'alert';
  const path = channel.field.split('|')[0]?.trim() ?? '';
  if (channel.diagnostics || /\[\d+\]/.test(path)) return undefined;
  const type = channel.type ?? (isAlert ? BOOL : 'std_msgs/msg/Float32');
  if (type === EMPTY) return { type, message: (isOn) => (isOn ? {} : undefined) };
  const isWhole = /\/U?Int\d+$/.test(type);
  const value = (isOn: boolean, nowMs: number) => {
    if (isAlert) return alertValue(channel, isOn);
    if (type === BOOL) return isOn;
    if (type === 'std_msgs/msg/String') return isOn ? 'on' : 'off';
    const raw = waveOf(channel, isOn, nowMs) / scaleOf(channel);
    return isWhole ? Math.round(raw) : raw;
  };
  return { type, message: (isOn, nowMs) => messageWith(path, value(isOn, nowMs)) };
}

/** Returns a value that raises the alert or, if `isOn` is false, one that clears it. */
function alertValue(channel: ChannelConfig, isOn: boolean): unknown {
  const { alert_when: when } = channel;
  const scale = scaleOf(channel);
  const { raise, clear } = when ?? { raise: { comparison: '==', value: true } as const };
  const { comparison, value } = raise;
  if (typeof value === 'boolean') return (comparison === '==') === isOn ? value : !value;
  if (typeof value === 'string') return (comparison === '==') === isOn ? value : `not ${value}`;
  if (comparison === '==' || comparison === '!=') return ((comparison === '==') === isOn ? value : value + 1) / scale;
  const beyond = comparison.startsWith('>') ? 1 : -1;
  const calm = typeof clear?.value === 'number' ? clear.value : value;
  return (isOn ? value + beyond : calm - beyond) / scale;
}

/** A simulated battery publishes a percentage as defined. */
function scaleOf({ unit, scale }: ChannelConfig): number {
  return unit === AUTO_UNIT ? DEFINED_SCALE : scale;
}

/** A slow sine wave in the middle of the channel's valid range. An event drives the value to the upper limit. */
function waveOf({ min, max, unit }: ChannelConfig, isOn: boolean, nowMs: number): number {
  const [low, high] = isPercent(unit) ? [40, 95] : unit === 'degC' ? [36, 46] : [min ?? 0, max ?? 100];
  if (isOn) return high;
  const middle = (low + high) / 2;
  return Number((middle + ((high - low) / 4) * Math.sin((2 * Math.PI * nowMs) / WAVE_MS)).toFixed(3));
}

/** Builds the message that has this value at this path. A part that ends in `[*]` becomes an array with one element. */
function messageWith(path: string, value: unknown): RosMessage {
  return path
    .split('.')
    .reverse()
    .reduce<unknown>((inner, part) => ({ [part.replace('[*]', '')]: part.endsWith('[*]') ? [inner] : inner }), value) as RosMessage;
}
