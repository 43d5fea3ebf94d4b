// A server for MQTT 5 and 3.1.1 over mutual TLS that hands out single packets. The brokers that tests script are built on it.
import { readFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import mqttPacket, { type Packet } from 'mqtt-packet';
import type { BenchFiles } from '../../src/identity/index.ts';

export interface Wire {
  /** The client's certificate in DER. */
  readonly certificate: Uint8Array;
  send(packet: Packet): void;
  /** Closes the connection without a DISCONNECT. */
  cut(): void;
  /** Closes the connection after what was sent. */
  end(): void;
  /** Keeps accepting bytes and sends nothing more. */
  mute(): void;
}

/** @returns the handler of this connection's packets. */
export type Accept = (wire: Wire) => (packet: Packet) => void;

export class PacketServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor({ ca, broker }: BenchFiles, accept: Accept) {
    const [caPem, cert, key] = [ca, broker.cert, broker.key].map((file) => readFileSync(file));
    // With half-open sockets, the server decides when it closes a connection that the client has ended.
    const options = { ca: caPem, cert, key, requestCert: true, allowHalfOpen: true };
    this.#server = createServer(options, (socket) => this.#serve(socket, accept));
    this.#server.on('tlsClientError', () => {});
    // Includes connections without a TLS handshake.
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** @param port 0 for any free port. */
  static async start(files: BenchFiles, accept: Accept, port = 0): Promise<PacketServer> {
    const server = new PacketServer(files, accept);
    await new Promise<void>((resolve) => server.#server.listen(port, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** May be called twice. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: TLSSocket, accept: Accept): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
    // The CONNECT tells the version.
    const settings = { protocolVersion: 5 };
    let isMuted = false;
    socket.on('end', () => {
      if (!isMuted) socket.end();
    });
    const take = accept({
      certificate: socket.getPeerCertificate().raw,
      send: (packet) => {
        if (!socket.destroyed && !isMuted) socket.write(mqttPacket.generate(packet, settings));
      },
      cut: () => socket.destroy(),
      end: () => socket.end(),
      mute: () => {
        isMuted = true;
      },
    });
    const parser = mqttPacket.parser(settings);
    parser.on('packet', (packet) => {
      if (packet.cmd === 'connect') settings.protocolVersion = packet.protocolVersion ?? settings.protocolVersion;
      take(packet);
    });
    socket.on('data', (bytes) => {
      if (!isMuted) parser.parse(bytes);
    });
  }
}
