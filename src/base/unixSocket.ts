// Sends an HTTP request over a Unix socket.
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';

interface SocketRequest {
  readonly socketPath: string;
  readonly method: 'GET' | 'POST';
  /** The URL's path, for example `/reload`. */
  readonly path: string;
  readonly body?: string | Uint8Array;
  /** The request fails if the socket is idle for this long. */
  readonly timeoutMs: number;
}

interface SocketAnswer {
  /** The HTTP status. */
  readonly status: number;
  readonly body: Buffer;
}

/** @throws the socket's error (`ENOENT`, `ECONNREFUSED`, `EACCES`), or an error with code `ETIMEDOUT`. */
export async function requestOverSocket({ socketPath, method, path, body, timeoutMs }: SocketRequest): Promise<SocketAnswer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request({ socketPath, method, path, agent: false, timeout: timeoutMs }, resolve);
    asked.once('timeout', () => {
      asked.destroy(Object.assign(new Error(`no answer within ${timeoutMs / 1_000} s`), { code: 'ETIMEDOUT' }));
    });
    asked.once('error', reject).end(body);
  });
  return { status: response.statusCode ?? 0, body: await buffer(response) };
}
