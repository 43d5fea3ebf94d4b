// A robot that publishes whatever it likes, and the scene of its harm.
import { setTimeout as sleep } from 'node:timers/promises';
import mqtt from 'mqtt';

const RECONNECT_MS = 1_000;

export class Hostile {
  readonly #client: mqtt.MqttClient;
  readonly #thing: string;
  published = 0;

  private constructor(client: mqtt.MqttClient, thing: string) {
    this.#client = client;
    this.#thing = thing;
  }

  static async connect(port: number, thing: string): Promise<Hostile> {
    const options = { protocolVersion: 5, clientId: thing, username: thing, reconnectPeriod: RECONNECT_MS } as const;
    return new Hostile(await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, options), thing);
  }

  /** Resolves with the PUBACK. */
  async publish(topic: string, message: unknown): Promise<void> {
    const payload = message instanceof Buffer || typeof message === 'string' ? message : JSON.stringify(message);
    await this.#client.publishAsync(topic.includes('/') ? topic : `fleet/${this.#thing}/${topic}`, payload, { qos: 1 });
    this.published++;
  }

  async end(): Promise<void> {
    await this.#client.endAsync(true);
  }
}

export interface Scene {
  readonly port: number;
  readonly until: AbortSignal;
  /** Tells that the harm begins. */
  readonly begin: () => void;
}

/** Figures of a harm. */
export type Told = Readonly<Record<string, number>>;

export async function pause(ms: number, until: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: until }).catch(() => {});
}
