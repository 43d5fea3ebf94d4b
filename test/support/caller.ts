// An MQTT client with the cloud's certificate that publishes commands and receives their results. It reconnects by itself after a restart
// of the broker.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import mqtt, { type MqttClient } from 'mqtt';
import type { BenchFiles } from '../../src/identity/index.ts';
import { type Result, topicsOf } from '../../src/wire/index.ts';
import { THING } from './bench.ts';

const TOPICS = topicsOf('elderly_bot');
const TTL_MS = 5_000;
const PATIENCE_MS = 60_000;

export class Caller {
  readonly results: Result[] = [];
  readonly #client: MqttClient;
  readonly #awaited = new Set<() => void>();

  private constructor(client: MqttClient) {
    this.#client = client;
    client.on('message', (_topic, payload) => {
      this.results.push(JSON.parse(payload.toString()) as Result);
      for (const look of [...this.#awaited]) look();
    });
    client.on('error', () => {});
  }

  static async connect(port: number, files: BenchFiles): Promise<Caller> {
    const [ca, cert, key] = [files.ca, files.cloud.cert, files.cloud.key].map((file) => readFileSync(file));
    const client = await mqtt.connectAsync({
      protocol: 'mqtts',
      host: 'localhost',
      port,
      protocolVersion: 5,
      clientId: `caller-${randomBytes(4).toString('hex')}`,
      reconnectPeriod: 100,
      ...(ca && cert && key ? { ca, cert, key } : {}),
    });
    return Caller.over(client);
  }

  static async over(client: MqttClient): Promise<Caller> {
    await client.subscribeAsync(TOPICS.results, { qos: 1 });
    return new Caller(client);
  }

  /** Publishes a command that is valid for 5 s. @returns its id. */
  async send(command: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const id = randomBytes(9).toString('base64url');
    const now = Date.now();
    await this.sendRaw(JSON.stringify({ id, thing: THING, command, issued_at: now, expires_at: now + TTL_MS, ...more }));
    return id;
  }

  async sendRaw(payload: string | Buffer, options: { retain?: boolean } = {}): Promise<void> {
    await this.#client.publishAsync(TOPICS.commands, payload, { qos: 1, retain: options.retain ?? false });
  }

  /** The result with this id, also if it has already arrived. */
  result(id: string, patienceMs = PATIENCE_MS): Promise<Result> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#awaited.delete(look);
      };
      const look = () => {
        const found = this.results.find((result) => result.id === id);
        if (!found) return;
        end();
        resolve(found);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`no result of ${id} within ${patienceMs} ms`));
      }, patienceMs);
      this.#awaited.add(look);
      look();
    });
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true);
  }
}
