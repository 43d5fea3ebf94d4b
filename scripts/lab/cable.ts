// A TCP relay on loopback that plays the network cable between robot and broker. It can be pulled and plugged in again, and can play a
// dead or a slow network, and a proxy with timeouts.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { slowly } from './slowly.ts';

type Ends = readonly [robot: Socket, broker: Socket];

export class Cable {
  readonly #target: number;
  readonly #sockets = new Set<Ends>();
  #server: Server | undefined;
  #port = 0;
  #bytesPerSecond: number | undefined;
  #isDead = false;
  /** Ends connections in order that were idle for this long. Affects later connections. */
  idleTimeoutMs: number | undefined;
  /** Ends connections in order that have lasted this long. Affects later connections. */
  timeLimitMs: number | undefined;

  constructor(targetPort: number) {
    this.#target = targetPort;
  }

  get port(): number {
    return this.#port;
  }

  get pulled(): boolean {
    return this.#server === undefined;
  }

  /** Starts listening. The port stays the same after the first call. */
  async plug(): Promise<void> {
    const server = createServer((robot) => {
      const broker = connect(this.#target, '127.0.0.1');
      const ends: Ends = [robot, broker];
      this.#sockets.add(ends);
      for (const end of ends) {
        end.setNoDelay(true);
        end.on('error', () => end.destroy());
        end.on('close', () => {
          this.#sockets.delete(ends);
          robot.destroy();
          broker.destroy();
        });
      }
      if (!this.#isDead) this.#join(ends);
      const finish = () => robot.end();
      if (this.idleTimeoutMs !== undefined) robot.setTimeout(this.idleTimeoutMs, finish);
      if (this.timeLimitMs !== undefined) setTimeout(finish, this.timeLimitMs).unref();
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Breaks every connection and refuses new ones. */
  async pull(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#break();
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  }

  /** While the cable is dead it keeps its connections and accepts new ones, but passes no byte. */
  set dead(isDead: boolean) {
    this.#isDead = isDead;
    for (const ends of this.#sockets) {
      if (!isDead) this.#join(ends);
      else for (const end of ends) end.unpipe().pause();
    }
  }

  /** Bytes per second in each direction; undefined means no limit. A change breaks all connections. */
  set bytesPerSecond(limit: number | undefined) {
    this.#bytesPerSecond = limit;
    this.#break();
  }

  #join([robot, broker]: Ends): void {
    const limit = this.#bytesPerSecond;
    if (limit === undefined) {
      robot.pipe(broker);
      broker.pipe(robot);
    } else {
      robot.pipe(slowly(limit)).pipe(broker);
      broker.pipe(slowly(limit)).pipe(robot);
    }
  }

  #break(): void {
    for (const ends of this.#sockets) for (const end of ends) end.destroy();
  }
}
