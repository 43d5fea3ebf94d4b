// Starts the parts of the fleet simulation: a Mosquitto with mutual TLS, a PostgreSQL with fsync, and instances of the cloud. The robots
// share a few connections, because the broker's connections are not measured.
import { readFileSync } from 'node:fs';
import mqtt from 'mqtt';
import pg from 'pg';
import type { Program } from '../../scripts/lab/program.ts';
import { type Receipt, receipt } from '../../src/wire/index.ts';
import { Bench } from '../support/bench.ts';
import { Postgres } from '../support/postgres.ts';
import type { FleetOptions } from './options.ts';
import type { Outgoing } from './robot.ts';

/** The cloud's defaults in simulated time. */
const RECEIPT_INTERVAL_S = 300;
const PUBLISHES_PER_SECOND = 40;
export const TELEMETRY_EVERY_MS = 60_000;
const SILENT_AFTER_MINUTES = 15;
const CONNECTIONS = 8;

/** As at AWS IoT Core, an instance has at most 100 messages in flight. The simulation bounds what waits, not the broker. */
const BROKER_LINES = ['max_inflight_messages 100', 'max_queued_messages 0', 'set_tcp_nodelay true'];

export class FleetWorld {
  readonly bench: Bench;
  readonly postgres: Postgres;
  readonly database: pg.Pool;
  receipts = 0;
  readonly #speed: number;
  #clients: mqtt.MqttClient[] = [];
  #turn = 0;

  private constructor(bench: Bench, postgres: Postgres, speed: number) {
    this.bench = bench;
    this.postgres = postgres;
    this.#speed = speed;
    this.database = new pg.Pool({ connectionString: postgres.url, max: 1 });
    // A connection that breaks while it is idle; the next query says so.
    this.database.on('error', () => {});
  }

  /** ROBOT_SILENT_AFTER in real minutes; the cloud takes whole ones. */
  static silentAfterMinutes(speed: number): number {
    return Math.ceil(SILENT_AFTER_MINUTES / speed);
  }

  static async start({ speed }: FleetOptions): Promise<FleetWorld> {
    const postgres = await Postgres.start({ durable: true });
    try {
      return new FleetWorld(await Bench.start({ acl: 'pattern readwrite #', lines: BROKER_LINES }), postgres, speed);
    } catch (error) {
      await postgres.stop();
      throw error;
    }
  }

  /** Starts an instance of the cloud, which subscribes with `$share` as in production. Resolves when it is subscribed. */
  async instance(): Promise<Program> {
    const program = await this.bench.cloud(
      { url: this.postgres.url },
      {
        TOPIC_PATTERN: 'fleet/+',
        RECEIPT_INTERVAL: `${Math.round((RECEIPT_INTERVAL_S * 1_000) / this.#speed)}ms`,
        PUBLISHES_PER_SECOND: String(PUBLISHES_PER_SECOND * this.#speed),
        ROBOT_SILENT_AFTER: `${FleetWorld.silentAfterMinutes(this.#speed)}m`,
      },
    );
    await program.event('broker_subscribed');
    return program;
  }

  /** @param heard gets each receipt of every robot. */
  async connect(heard: (receipt: Receipt) => void): Promise<void> {
    const { ca, robot } = this.bench.files;
    const at = { protocol: 'mqtts', host: 'localhost', port: this.bench.broker.port, protocolVersion: 5, reconnectPeriod: 0 } as const;
    const tls = { ca: readFileSync(ca), cert: readFileSync(robot.cert), key: readFileSync(robot.key) };
    for (let n = 0; n < CONNECTIONS; n++) this.#clients.push(await mqtt.connectAsync({ ...at, ...tls, clientId: `fleet-${n}` }));
    const [listener] = this.#clients;
    listener?.on('message', (_topic, payload) => {
      this.receipts++;
      heard(receipt.parse(JSON.parse(payload.toString())));
    });
    await listener?.subscribeAsync('fleet/+/receipts', { qos: 1 });
  }

  /** Resolves with the PUBACK. */
  async publish({ topic, payload }: Outgoing): Promise<void> {
    const client = this.#clients[this.#turn++ % this.#clients.length];
    await client?.publishAsync(topic, payload, { qos: 1 });
  }

  /** The sum of the numbers that the cloud knows to be assigned. It shows how far the cloud is behind. */
  async known(): Promise<number> {
    const { rows } = await this.database.query('select coalesce(sum(accepted), 0)::text as sum from outboxes');
    return Number((rows as [{ sum: string }])[0].sum);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) await client.endAsync(true);
    await this.bench.endPrograms();
    await this.database.end();
    await this.bench.stop();
    await this.postgres.stop();
  }
}
