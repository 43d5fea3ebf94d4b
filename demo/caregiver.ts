// Plays the family's app: it watches GET /telemetry for alerts and sounds the buzzer from time to time.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import mqtt, { type MqttClient } from 'mqtt';
import { topicsOf } from '../src/wire/index.ts';
import { THING, type World } from './world.ts';

export interface SeenAlert {
  readonly channel: string;
  readonly raised: boolean;
  readonly offline: boolean;
  /** From the ROS message to GET /telemetry. For an alert that was raised offline it starts when the link returns. */
  readonly latencyMs: number;
}

interface Awaited {
  readonly channel: string;
  readonly value: boolean;
  readonly offline: boolean;
  sinceMs: number;
}

const POLL_EVERY_MS = 10;
const COMMAND_TTL_MS = 20_000;

export class Caregiver {
  readonly seen: SeenAlert[] = [];
  readonly sent = new Map<string, string | undefined>();
  readonly #world: World;
  #awaited: Awaited[] = [];
  #client: MqttClient | undefined;
  #polling: NodeJS.Timeout | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  async start(): Promise<void> {
    const { brokerPort, files } = this.#world;
    const [ca, cert, key] = [files.ca, files.cloud.cert, files.cloud.key].map((file) => readFileSync(file));
    this.#client = await mqtt.connectAsync({
      protocol: 'mqtts',
      host: 'localhost',
      port: brokerPort,
      protocolVersion: 4,
      clientId: 'demo-caregiver',
      ...(ca && cert && key ? { ca, cert, key } : {}),
    });
    const topics = topicsOf('elderly_bot');
    await this.#client.subscribeAsync(topics.results, { qos: 1 });
    this.#client.on('message', (_topic, payload) => {
      const { id, status } = JSON.parse(payload.toString()) as { id: string; status: string };
      if (this.sent.has(id)) this.sent.set(id, status);
    });
    this.#polling = setInterval(() => void this.#poll(), POLL_EVERY_MS);
  }

  /** Starts waiting for an alert that was published on ROS. */
  expect(channel: string, value: boolean): void {
    this.#awaited.push({ channel, value, offline: this.#world.cable.pulled, sinceMs: performance.now() });
  }

  /** Restarts the latency of alerts that were raised offline. */
  linkBack(): void {
    for (const awaited of this.#awaited) if (awaited.offline) awaited.sinceMs = performance.now();
  }

  get waitingFor(): number {
    return this.#awaited.length;
  }

  get answered(): number {
    return [...this.sent.values()].filter((status) => status !== undefined).length;
  }

  get done(): number {
    return [...this.sent.values()].filter((status) => status === 'done').length;
  }

  soundBuzzer(on: boolean): void {
    const id = randomBytes(9).toString('base64url');
    const now = Date.now();
    this.sent.set(id, undefined);
    const command = { id, thing: THING, command: 'buzzer', value: on, issued_at: now, expires_at: now + COMMAND_TTL_MS };
    this.#client?.publish(topicsOf('elderly_bot').commands, JSON.stringify(command), { qos: 1 });
  }

  async stop(): Promise<void> {
    clearInterval(this.#polling);
    await this.#client?.endAsync(true);
  }

  async #poll(): Promise<void> {
    if (this.#awaited.length === 0) return;
    let state: Record<string, unknown>;
    try {
      const response = await fetch(`${this.#world.cloudUrl}/telemetry`);
      state = (await response.json()) as Record<string, unknown>;
    } catch {
      return;
    }
    const now = performance.now();
    const visible = this.#awaited.filter(({ channel, value }) => state[channel] === value);
    this.#awaited = this.#awaited.filter((awaited) => !visible.includes(awaited));
    for (const { channel, value, offline, sinceMs } of visible) {
      this.seen.push({ channel, raised: value, offline, latencyMs: Math.round(now - sinceMs) });
    }
  }
}
