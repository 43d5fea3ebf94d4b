// Accepts TLS connections for a plain server in this process.
import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { createServer, type Server } from 'node:tls';

export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export class TlsFront {
  readonly #server: Server;
  readonly url: string;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** @param behind the URL of the plain server. @param host the address for clients. */
  static async start(behind: string, host: string, files: TlsFiles): Promise<TlsFront> {
    const { hostname, port } = new URL(behind);
    const server = createServer(files, (client) => {
      const plain = connect(Number(port), hostname);
      // A reset of one side ends the other.
      pipeline(client, plain, client).catch(() => {});
    });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const address = server.address();
    return new TlsFront(server, `https://${host}:${typeof address === 'object' ? address?.port : 0}`);
  }

  stop(): void {
    this.#server.close();
  }
}
