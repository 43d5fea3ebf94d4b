// A broker that plays the documented faults of AWS IoT Core and of bad networks, packet by packet. It speaks MQTT 5 and 3.1.1
// over TLS with the bench's certificates, and keeps a ledger of each acknowledged row.
import { inflateSync } from 'node:zlib';
import type { IConnackPacket, IConnectPacket, IPublishPacket, Packet } from 'mqtt-packet';
import mqttPacket from 'mqtt-packet';
import type { BenchFiles } from '../../src/identity/index.ts';
import { PacketServer, type Wire } from './packetServer.ts';

export interface Script {
  /** Properties of the CONNACK. */
  readonly announces?: NonNullable<IConnackPacket['properties']>;
  /** Delay of each PUBACK. */
  readonly acknowledgesAfterMs?: number;
  /** Called before the CONNACK. Returns false if none is sent. */
  onConnect?(wire: Wire, connects: number, packet: IConnectPacket): boolean;
  /** Called before the PUBACK. Returns false if none is sent. A row counts as taken only after its PUBACK. */
  onPublish?(packet: IPublishPacket, wire: Wire, published: number): boolean;
  /** Called before the SUBACK. Returns false if none is sent, or the SUBACK's codes. */
  onSubscribe?(wire: Wire, topics: readonly string[], messageId: number): boolean | number[];
  onPing?(wire: Wire): boolean;
  onDisconnect?(wire: Wire): void;
}

export class ScriptedBroker {
  /** The number of PUBACKs for each row, by `outbox/seq`. */
  readonly taken = new Map<string, number>();
  /** The acknowledged messages. */
  readonly texts: string[] = [];
  connects = 0;
  published = 0;
  mostInFlight = 0;
  /** The size of the largest publish packet. */
  largest = 0;
  #server: PacketServer | undefined;
  #script: Script;

  private constructor(script: Script) {
    this.#script = script;
  }

  /** @param port 0 for any free port. */
  static async start(files: BenchFiles, script: Script = {}, port = 0): Promise<ScriptedBroker> {
    const broker = new ScriptedBroker(script);
    broker.#server = await PacketServer.start(files, (wire) => broker.#serve(wire), port);
    return broker;
  }

  get port(): number {
    return this.#server?.port ?? 0;
  }

  /** Replaces the script; `{}` makes it a correct broker. */
  behave(script: Script): void {
    this.#script = script;
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  #serve(raw: Wire): (packet: Packet) => void {
    let inFlight = 0;
    const wire: Wire = {
      ...raw,
      send: (packet) => {
        if (packet.cmd === 'puback') inFlight--;
        raw.send(packet);
      },
    };
    return (packet) => {
      if (packet.cmd === 'connect') {
        this.connects++;
        if (this.#script.onConnect?.(wire, this.connects, packet) !== false) {
          const properties = this.#script.announces ?? {};
          wire.send({ cmd: 'connack', reasonCode: 0, returnCode: 0, sessionPresent: false, properties });
        }
      } else if (packet.cmd === 'subscribe') {
        const topics = packet.subscriptions.map(({ topic }) => topic);
        const answer = this.#script.onSubscribe?.(wire, topics, packet.messageId ?? 0) ?? true;
        const granted = typeof answer === 'boolean' ? topics.map(() => 1) : answer;
        if (answer !== false) wire.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted });
      } else if (packet.cmd === 'pingreq') {
        if (this.#script.onPing?.(wire) !== false) wire.send({ cmd: 'pingresp' });
      } else if (packet.cmd === 'disconnect') {
        this.#script.onDisconnect?.(wire);
      } else if (packet.cmd === 'publish') {
        this.published++;
        this.largest = Math.max(this.largest, mqttPacket.generate(packet, { protocolVersion: 5 }).length);
        inFlight++;
        this.mostInFlight = Math.max(this.mostInFlight, inFlight);
        if (this.#script.onPublish?.(packet, wire, this.published) === false) return;
        this.#take(packet);
        const acknowledge = () => wire.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: 0 });
        if (this.#script.acknowledgesAfterMs === undefined) acknowledge();
        else setTimeout(acknowledge, this.#script.acknowledgesAfterMs);
      }
    };
  }

  #take(packet: IPublishPacket): void {
    const text = textOf(packet);
    this.texts.push(text);
    if (!text.startsWith('{')) return;
    const message = JSON.parse(text) as {
      outbox?: string;
      seq?: number;
      readings?: [number, ...unknown[]][];
    };
    if (message.outbox === undefined) return;
    for (const seq of message.readings?.map(([n]) => n) ?? (message.seq === undefined ? [] : [message.seq])) {
      const name = `${message.outbox}/${seq}`;
      this.taken.set(name, (this.taken.get(name) ?? 0) + 1);
    }
  }
}

/** The text of a message, which may be deflated. */
export function textOf({ payload }: IPublishPacket): string {
  const bytes = Buffer.from(payload);
  return (bytes[0] === 0x78 ? inflateSync(bytes) : bytes).toString();
}
