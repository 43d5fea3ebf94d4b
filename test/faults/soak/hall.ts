// A ROS program with a sensor and a camera that can be killed and started at any moment.
import sharp from 'sharp';
import type { Published } from '../../../scripts/lab/ledgers.ts';
import { RosPeer } from '../../support/ros.ts';

export const HUMIDITY = '/hall/humidity';
const NUMBER = 'std_msgs/msg/Float64';
const IMAGE = '/hall/image';
const COMPRESSED = 'sensor_msgs/msg/CompressedImage';
const EVERY_MS = 500;

export class Hall {
  readonly #published: Published[];
  #peer: RosPeer | undefined;
  #running: Promise<void> = Promise.resolve();
  #count = 0;

  /** @param published the ledger of published values. */
  constructor(published: Published[]) {
    this.#published = published;
  }

  async start(): Promise<void> {
    const peer = await RosPeer.start('hall');
    await peer.advertise(HUMIDITY, NUMBER, { depth: 1_000 });
    await peer.advertise(IMAGE, COMPRESSED, { reliability: 'best_effort', depth: 5 });
    this.#peer = peer;
    // A killed program does not answer pending requests.
    this.#running = this.#run(peer).catch(() => {});
  }

  /** Kills the program without a goodbye to other ROS nodes. */
  async kill(): Promise<void> {
    const peer = this.#peer;
    this.#peer = undefined;
    if (peer?.pid !== undefined) process.kill(peer.pid, 'SIGKILL');
    await this.#running;
  }

  async stop(): Promise<void> {
    const peer = this.#peer;
    this.#peer = undefined;
    await this.#running;
    await peer?.close();
  }

  async #run(peer: RosPeer): Promise<void> {
    while (this.#peer === peer) {
      const data = ++this.#count;
      this.#published.push({ channel: 'humidity', value: data });
      await peer.publish(HUMIDITY, NUMBER, { data });
      const background = { r: (data * 16) % 256, g: (data >> 4) % 256, b: 200 };
      const jpeg = await sharp({ create: { width: 160, height: 120, channels: 3, background } })
        .jpeg()
        .toBuffer();
      await peer.publish(IMAGE, COMPRESSED, { format: 'jpeg', data: { hex: jpeg.toString('hex') } });
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }
}
