// A house of simulated sensors on a ROS node, real or in memory: each configured channel's topic gets plausible messages, and what the
// agent commands is heard and said. Faults are events that are on, and sensors that are mute.
import { type Config, publicationsOf } from '../../config/index.ts';
import type { RosNode, RosPublisher } from '../../ros/index.ts';
import type { Fault } from './script.ts';
import { type Sensor, sensorOf } from './sensor.ts';

export const PUBLISH_EVERY_MS = 500;

interface Placed {
  readonly sensor: Sensor;
  readonly publisher: RosPublisher;
  isOn: boolean;
  isMute: boolean;
}

export class House {
  readonly #node: RosNode;
  readonly #placed = new Map<string, Placed>();
  readonly #say: (line: Readonly<Record<string, unknown>>) => void;
  readonly #startedMs = performance.now();
  #timer: NodeJS.Timeout | undefined;
  published = 0;

  /** @param say told of each fault and of each command that arrives. */
  constructor(node: RosNode, config: Config, say: (line: Readonly<Record<string, unknown>>) => void) {
    this.#node = node;
    this.#say = say;
    for (const [name, channel] of Object.entries(config.channels)) {
      const sensor = sensorOf(name, channel);
      if (!sensor) {
        say({ event: 'not_simulated', channel: name });
        continue;
      }
      this.#placed.set(name, { sensor, publisher: node.advertise(channel.topic, sensor.type), isOn: false, isMute: false });
    }
    const heard = new Set<string>();
    for (const command of Object.values(config.commands)) {
      for (const { topic, type, qos } of publicationsOf(command)) {
        if (heard.has(topic)) continue;
        heard.add(topic);
        node.subscribe({ topic, type, qos, onMessage: (message) => say({ event: 'commanded', topic, message }) });
      }
    }
  }

  get channels(): readonly string[] {
    return [...this.#placed.keys()];
  }

  start(): void {
    this.#timer = setInterval(() => {
      for (const placed of this.#placed.values()) this.#publish(placed);
    }, PUBLISH_EVERY_MS);
  }

  /** An event is published at once; a sensor that is mute stays so. */
  cause(name: string, fault: Fault): void {
    const placed = this.#placed.get(name);
    if (!placed) return;
    if (fault === 'mute' || fault === 'unmute') placed.isMute = fault === 'mute';
    else placed.isOn = fault === 'on';
    this.#say({ event: 'fault', channel: name, fault });
    this.#publish(placed);
  }

  /** The other way round: an event begins or ends. */
  toggle(name: string): void {
    this.cause(name, this.#placed.get(name)?.isOn ? 'off' : 'on');
  }

  toggleMute(name: string): void {
    this.cause(name, this.#placed.get(name)?.isMute ? 'unmute' : 'mute');
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#node.stop();
  }

  #publish({ sensor, publisher, isOn, isMute }: Placed): void {
    if (isMute) return;
    publisher.publish(sensor.message(isOn, performance.now() - this.#startedMs));
    this.published++;
  }
}
