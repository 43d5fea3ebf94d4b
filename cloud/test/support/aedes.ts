// Runs a broker in the process that supports neither MQTT 5 nor shared subscriptions, to test the fallback.
import { type AddressInfo, createServer, type Server } from 'node:net';
import { Aedes } from 'aedes';

export class PlainBroker {
  readonly aedes: Aedes;
  readonly #server: Server;

  private constructor(aedes: Aedes, server: Server) {
    this.aedes = aedes;
    this.#server = server;
  }

  static async start(): Promise<PlainBroker> {
    const aedes = await Aedes.createBroker();
    const server = createServer(aedes.handle);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new PlainBroker(aedes, server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.aedes.close(() => resolve()));
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
