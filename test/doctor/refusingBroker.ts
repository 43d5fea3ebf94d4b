// Starts an MQTT 3.1.1 broker (aedes, mutual TLS) that refuses chosen subscriptions. Mosquitto's access lists grant every subscription.
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { Aedes } from 'aedes';
import type { BenchFiles } from '../../src/identity/index.ts';

interface Refusals {
  readonly subscribe: (topic: string) => boolean;
}

export class RefusingBroker {
  readonly #aedes: Aedes;
  readonly #server: Server;

  private constructor(aedes: Aedes, server: Server) {
    this.#aedes = aedes;
    this.#server = server;
  }

  static async start(files: BenchFiles, refuses: Refusals): Promise<RefusingBroker> {
    const aedes = await Aedes.createBroker();
    aedes.authorizeSubscribe = (_client, subscription, done) => done(null, refuses.subscribe(subscription.topic) ? null : subscription);
    const [ca, cert, key] = [files.ca, files.broker.cert, files.broker.key].map((file) => readFileSync(file));
    const server = createServer({ ca, cert, key, requestCert: true, rejectUnauthorized: true }, (socket) => aedes.handle(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new RefusingBroker(aedes, server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#aedes.close(() => resolve()));
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
