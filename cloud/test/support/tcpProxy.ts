// A TCP proxy that stops forwarding on demand, as a network that drops packets, and that can lead new connections to another server, as a
// name in DNS does after a failover.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** The port to which new connections lead. */
  target: number;

  private constructor(target: number) {
    this.target = target;
    this.#server = createServer((from) => {
      const to = connect(this.target, '127.0.0.1');
      for (const [socket, other] of [[from, to] as const, [to, from] as const]) {
        this.#sockets.add(socket);
        socket.on('error', () => other.destroy());
        socket.on('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
        socket.on('data', (chunk) => {
          if (this.#sockets.has(other)) other.write(chunk);
        });
      }
    });
  }

  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#sockets.size / 2;
  }

  /** Forwards nothing more on the present connections, in neither direction, not even their end. New connections work. */
  blackHole(): number {
    const stuck = this.connections;
    for (const socket of this.#sockets) {
      socket.removeAllListeners('data').removeAllListeners('close').removeAllListeners('error');
      socket.on('error', () => {}).pause();
    }
    this.#stuck.push(...this.#sockets);
    this.#sockets.clear();
    return stuck;
  }

  readonly #stuck: Socket[] = [];

  async stop(): Promise<void> {
    for (const socket of [...this.#sockets, ...this.#stuck]) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
