// A broker that misbehaves on purpose, packet by packet: what AWS IoT Core is documented to do, and what bad networks do. TLS with
// the bench's certificates, MQTT 5. It keeps a ledger of every row it acknowledged.
import { readFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { inflateSync } from 'node:zlib';
import mqttPacket, { type IPublishPacket, type Packet } from 'mqtt-packet';
import type { BenchFiles } from '../../src/identity/index.ts';

export interface Wire {
  send(packet: Packet): void;
  /** Cuts the connection without a word. */
  cut(): void;
  /** Goes on accepting bytes and never answers again. */
  mute(): void;
}

export interface Script {
  /** Replaces the CONNACK; return false to send none. */
  onConnect?(wire: Wire, connects: number): boolean;
  /** Decides over a publish; return false to leave it unacknowledged. The row counts as taken only when it was acknowledged. */
  onPublish?(packet: IPublishPacket, wire: Wire, published: number): boolean;
  onPing?(wire: Wire): boolean;
}

export class ScriptedBroker {
  /** `outbox/seq` of every row that was acknowledged, and how often. */
  readonly taken = new Map<string, number>();
  connects = 0;
  published = 0;
  mostInFlight = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #script: Script;

  private constructor(files: BenchFiles, script: Script) {
    this.#script = script;
    const [ca, cert, key] = [files.ca, files.broker.cert, files.broker.key].map((file) => readFileSync(file));
    this.#server = createServer({ ca, cert, key, requestCert: true }, (socket) => this.#serve(socket));
    this.#server.on('tlsClientError', () => {});
  }

  static async start(files: BenchFiles, script: Script = {}): Promise<ScriptedBroker> {
    const broker = new ScriptedBroker(files, script);
    await new Promise<void>((resolve) => broker.#server.listen(0, '127.0.0.1', resolve));
    return broker;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on it behaves like this; `{}` is a good broker. */
  behave(script: Script): void {
    this.#script = script;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: TLSSocket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
    const parser = mqttPacket.parser({ protocolVersion: 5 });
    let muted = false;
    let inFlight = 0;
    const wire: Wire = {
      send: (packet) => {
        if (packet.cmd === 'puback') inFlight--;
        if (!socket.destroyed && !muted) socket.write(mqttPacket.generate(packet, { protocolVersion: 5 }));
      },
      cut: () => socket.destroy(),
      mute: () => {
        muted = true;
      },
    };
    parser.on('packet', (packet: Packet) => {
      if (packet.cmd === 'connect') {
        this.connects++;
        if (this.#script.onConnect?.(wire, this.connects) !== false) wire.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false });
      } else if (packet.cmd === 'subscribe') {
        wire.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: packet.subscriptions.map(() => 1) });
      } else if (packet.cmd === 'pingreq') {
        if (this.#script.onPing?.(wire) !== false) wire.send({ cmd: 'pingresp' });
      } else if (packet.cmd === 'publish') {
        this.published++;
        inFlight++;
        this.mostInFlight = Math.max(this.mostInFlight, inFlight);
        if (this.#script.onPublish?.(packet, wire, this.published) === false) return;
        this.#take(packet);
        wire.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: 0 });
      }
    });
    socket.on('data', (bytes) => {
      if (!muted) parser.parse(bytes);
    });
  }

  #take(packet: IPublishPacket): void {
    const bytes = Buffer.from(packet.payload);
    const message = JSON.parse((bytes[0] === 0x78 ? inflateSync(bytes) : bytes).toString()) as {
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
