// MQTT client of a robot: publishes messages and records the receipts that it gets.
import mqtt, { type IClientOptions } from 'mqtt';
import { type Receipt, receipt, topicsOf } from '../../../src/wire/index.ts';

export class RobotClient {
  readonly receipts: Receipt[] = [];
  readonly #client: mqtt.MqttClient;
  #waiting: (() => void)[] = [];

  private constructor(client: mqtt.MqttClient) {
    this.#client = client;
    client.on('message', (_topic, payload) => {
      this.receipts.push(receipt.parse(JSON.parse(payload.toString())));
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  static async connect(prefix: string, options: IClientOptions): Promise<RobotClient> {
    const robot = new RobotClient(await mqtt.connectAsync({ reconnectPeriod: 0, ...options }));
    await robot.#client.subscribeAsync(topicsOf(prefix).receipts, { qos: 1 });
    return robot;
  }

  async publish(topic: string, message: unknown): Promise<void> {
    await this.#client.publishAsync(topic, JSON.stringify(message), { qos: 1 });
  }

  async receipt(fits: (receipt: Receipt) => boolean): Promise<Receipt> {
    for (;;) {
      const found = this.receipts.find(fits);
      if (found) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async end(): Promise<void> {
    await this.#client.endAsync(true);
  }
}
