// A proxy in front of an object store that plays faults on demand. The presigned URLs name the proxy, which forwards all other requests.
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { slowly } from '../../scripts/lab/slowly.ts';

/** An answer instead of the store's, a reset after half of the body, a lost answer of the store, or a limit in bytes per second. */
export type Trouble =
  | { readonly status: number; readonly code?: string; readonly retryAfterS?: number }
  | { readonly bytesPerSecond: number }
  | 'reset'
  | 'lost';

export class ObjectProxy {
  readonly #server: Server;
  readonly #troubles: Trouble[] = [];
  readonly #planned = new Map<string, Trouble[]>();
  /** The status of each PUT; 0 if it got no answer. */
  readonly answered: number[] = [];
  /** Stored objects: their path, and the time of the store's answer in nanoseconds of CLOCK_MONOTONIC. */
  readonly stored: { readonly path: string; readonly ns: number }[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(store: string): Promise<ObjectProxy> {
    const { hostname, port } = new URL(store);
    const server = createServer((asked, answer) => {
      const trouble = asked.method === 'PUT' ? proxy.#trouble(asked) : undefined;
      if (trouble === 'reset') {
        proxy.answered.push(0);
        resetAtHalf(asked);
        return;
      }
      if (typeof trouble === 'object' && 'status' in trouble) {
        const { status, code = 'None', retryAfterS } = trouble;
        proxy.answered.push(status);
        const headers = retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) };
        asked.resume().once('end', () => answer.writeHead(status, headers).end(`<Error><Code>${code}</Code></Error>`));
        return;
      }
      const passed = request({ hostname, port, path: asked.url, method: asked.method, headers: asked.headers }, (from) => {
        if (asked.method === 'PUT') proxy.answered.push(trouble === 'lost' ? 0 : Number(from.statusCode));
        if (asked.method === 'PUT' && from.statusCode === 200) {
          proxy.stored.push({ path: String(asked.url).split('?')[0] ?? '', ns: Number(process.hrtime.bigint()) });
        }
        if (trouble === 'lost') return void from.resume().once('end', () => asked.socket.destroy());
        // The header `connection` applies to one hop (RFC 9110, 7.6.1). S3 keeps connections open; this store does not.
        const { connection: _, ...headers } = from.headers;
        answer.writeHead(Number(from.statusCode), headers);
        from.pipe(answer);
      });
      passed.on('error', () => asked.socket.destroy());
      // If the robot aborts its request, the proxy aborts too. Otherwise the store would wait for ever.
      const slow = typeof trouble === 'object' ? [slowly(trouble.bytesPerSecond)] : [];
      pipeline([asked, ...slow, passed]).catch(() => {});
    });
    const proxy = new ObjectProxy(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Sets the faults of the next PUTs. */
  next(...troubles: Trouble[]): void {
    this.#troubles.push(...troubles);
  }

  /** Sets the faults of the next PUTs of one object. */
  plan(sha256: string, ...troubles: Trouble[]): void {
    this.#planned.set(sha256, troubles);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #trouble({ url }: IncomingMessage): Trouble | undefined {
    const sha256 = /[0-9a-f]{64}/.exec(url ?? '')?.[0] ?? '';
    return this.#planned.get(sha256)?.shift() ?? this.#troubles.shift();
  }
}

function resetAtHalf(asked: IncomingMessage): void {
  let left = Number(asked.headers['content-length']) / 2;
  asked.on('data', (part: Buffer) => {
    left -= part.length;
    if (left <= 0) asked.socket.resetAndDestroy();
  });
}
