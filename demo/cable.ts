// The network cable between robot and broker: a TCP relay on loopback that can be pulled and plugged in again, or carries nothing,
// or little, as a bad network does.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { slowly } from '../test/support/slowly.ts';

type Ends = readonly [robot: Socket, broker: Socket];

export class Cable {
  readonly #target: number;
  readonly #sockets = new Set<Ends>();
  #server: Server | undefined;
  #port = 0;
  #bytesPerSecond: number | undefined;
  #isDead = false;

  constructor(targetPort: number) {
    this.#target = targetPort;
  }

  get port(): number {
    return this.#port;
  }

  get pulled(): boolean {
    return this.#server === undefined;
  }

  /** Listens, on the same port each time. */
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
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Every connection breaks, and no new one comes through. */
  async pull(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#break();
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  }

  /** While dead it says nothing of it: connections stand, new ones are taken, and no byte arrives. */
  set dead(isDead: boolean) {
    this.#isDead = isDead;
    for (const ends of this.#sockets) {
      if (!isDead) this.#join(ends);
      else for (const end of ends) end.unpipe().pause();
    }
  }

  /** Bytes a second each way; undefined: as many as come. Connections are made anew for it. */
  set bytesPerSecond(most: number | undefined) {
    this.#bytesPerSecond = most;
    this.#break();
  }

  #join([robot, broker]: Ends): void {
    const most = this.#bytesPerSecond;
    if (most === undefined) {
      robot.pipe(broker);
      broker.pipe(robot);
    } else {
      robot.pipe(slowly(most)).pipe(broker);
      broker.pipe(slowly(most)).pipe(robot);
    }
  }

  #break(): void {
    for (const ends of this.#sockets) for (const end of ends) end.destroy();
  }
}
