// Stands between a client and its broker and discards publications above a quota, as AWS IoT Core does: without a PUBACK and without a word.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import mqttPacket, { type Packet } from 'mqtt-packet';

const SECOND_MS = 1_000;

export interface Quota {
  /** Publications a second of one connection, at most. */
  readonly perSecond: number;
  /** Whether the publications that the broker delivers to the client count too. They are discarded above the quota as well. */
  readonly bothWays: boolean;
}

export type Way = 'in' | 'out';

export class QuotaProxy {
  /** Publications to the broker (`in`) and from it (`out`). */
  readonly counts: Record<Way, { passed: number; discarded: number; peak: number }> = {
    in: { passed: 0, discarded: 0, peak: 0 },
    out: { passed: 0, discarded: 0, peak: 0 },
  };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #quota: Quota;

  private constructor(target: number, quota: Quota) {
    this.#quota = quota;
    this.#server = createServer((client) => this.#join(client, connect(target, '127.0.0.1')));
  }

  static async start(target: number, quota: Quota): Promise<QuotaProxy> {
    const proxy = new QuotaProxy(target, quota);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #join(client: Socket, broker: Socket): void {
    const settings = { protocolVersion: 5 };
    /** Times of the publications of the last second. */
    const times: Record<Way, number[]> = { in: [], out: [] };
    for (const [from, to, way] of [[client, broker, 'in'] as const, [broker, client, 'out'] as const]) {
      this.#sockets.add(from);
      from.on('error', () => to.destroy()).on('close', () => to.destroy());
      const parser = mqttPacket.parser(settings);
      parser.on('packet', (packet: Packet) => {
        if (packet.cmd === 'connect') settings.protocolVersion = packet.protocolVersion ?? settings.protocolVersion;
        if (packet.cmd !== 'publish' || this.#passes(times, way)) to.write(mqttPacket.generate(packet, settings));
        // A broker that discards a delivery does not wait for its PUBACK.
        else if (way === 'out' && packet.messageId !== undefined)
          from.write(mqttPacket.generate({ cmd: 'puback', messageId: packet.messageId, reasonCode: 0 }, settings));
      });
      from.on('data', (bytes) => parser.parse(bytes));
    }
  }

  #passes(times: Record<Way, number[]>, way: Way): boolean {
    const { perSecond, bothWays } = this.#quota;
    const nowMs = performance.now();
    const recent = (each: Way): number => {
      while ((times[each][0] ?? nowMs) < nowMs - SECOND_MS) times[each].shift();
      return times[each].length;
    };
    const counts = this.counts[way];
    const used = bothWays ? recent('in') + recent('out') : recent(way);
    if (used >= perSecond && (bothWays || way === 'in')) {
      counts.discarded++;
      return false;
    }
    times[way].push(nowMs);
    counts.passed++;
    counts.peak = Math.max(counts.peak, recent(way));
    return true;
  }
}
