// Records every message on a bench's broker, also after the broker restarted. It uses two clients, because no certificate may read both
// directions.

import { readFileSync } from 'node:fs';
import mqtt, { type MqttClient } from 'mqtt';
import { ROBOT_RIGHTS, topicsOf } from '../../src/wire/index.ts';
import type { Bench } from './bench.ts';

/** Shorter than a robot's shortest backoff, so that the tap reconnects first. */
const RECONNECT_MS = 20;

export interface Tapped {
  /** The last level of the topic. */
  readonly channel: string;
  readonly payload: Buffer;
}

export class Tap {
  readonly messages: Tapped[] = [];
  readonly #clients: MqttClient[] = [];

  private constructor() {}

  static async start({ files, broker }: Pick<Bench, 'files' | 'broker'>, prefix = 'elderly_bot'): Promise<Tap> {
    const tap = new Tap();
    const ca = readFileSync(files.ca);
    for (const [by, names] of [
      [files.cloud, ROBOT_RIGHTS.publish],
      [files.robot, ROBOT_RIGHTS.subscribe],
    ] as const) {
      const client = await mqtt.connectAsync({
        protocol: 'mqtts',
        host: 'localhost',
        port: broker.port,
        protocolVersion: 5,
        ca,
        cert: readFileSync(by.cert),
        key: readFileSync(by.key),
        reconnectPeriod: RECONNECT_MS,
      });
      client.on('error', () => {});
      client.on('message', (topic, payload) => tap.messages.push({ channel: topic.slice(topic.lastIndexOf('/') + 1), payload }));
      tap.#clients.push(client);
      await client.subscribeAsync(
        names.map((name) => topicsOf(prefix)[name]),
        { qos: 1 },
      );
    }
    return tap;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) await client.endAsync(true);
  }
}
