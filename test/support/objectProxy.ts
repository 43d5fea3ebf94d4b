// A way to an object store that goes wrong as it is told: it stands where the URLs point to, and passes on what it is not told about.
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';

/** An answer in the store's place, a reset at half, or the store's own answer lost. */
export type Trouble = { readonly status: number; readonly code?: string } | 'reset' | 'lost';

export class ObjectProxy {
  readonly #server: Server;
  readonly #troubles: Trouble[] = [];
  /** The status of each PUT, 0 where there was none. */
  readonly answered: number[] = [];
  /** What the store took: the path, and when it had said so, in nanoseconds of CLOCK_MONOTONIC. */
  readonly stored: { readonly path: string; readonly ns: number }[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(store: string): Promise<ObjectProxy> {
    const { hostname, port } = new URL(store);
    const server = createServer((asked, answer) => {
      const trouble = asked.method === 'PUT' ? proxy.#troubles.shift() : undefined;
      if (trouble === 'reset') {
        proxy.answered.push(0);
        asked.once('data', () => asked.socket.destroy());
        return;
      }
      if (typeof trouble === 'object') {
        proxy.answered.push(trouble.status);
        asked.resume().once('end', () => answer.writeHead(trouble.status).end(`<Error><Code>${trouble.code ?? 'None'}</Code></Error>`));
        return;
      }
      const passed = request({ hostname, port, path: asked.url, method: asked.method, headers: asked.headers }, (from) => {
        if (asked.method === 'PUT') proxy.answered.push(trouble === 'lost' ? 0 : Number(from.statusCode));
        if (asked.method === 'PUT' && from.statusCode === 200) {
          proxy.stored.push({ path: String(asked.url).split('?')[0] ?? '', ns: Number(process.hrtime.bigint()) });
        }
        if (trouble === 'lost') return void from.resume().once('end', () => asked.socket.destroy());
        answer.writeHead(Number(from.statusCode), from.headers);
        from.pipe(answer);
      });
      passed.on('error', () => asked.socket.destroy());
      // Where the robot gives up in the midst, so does this: the store would wait for ever.
      pipeline(asked, passed, () => {});
    });
    const proxy = new ObjectProxy(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What becomes of the next PUTs. */
  next(...troubles: Trouble[]): void {
    this.#troubles.push(...troubles);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
