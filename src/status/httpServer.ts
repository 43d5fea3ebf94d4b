// Starts HTTP servers that many connections, slow clients and many requests cannot exhaust.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { ListenOptions, Socket } from 'node:net';

/** A monitoring system needs one connection. systemd permits the agent 4096 open files. */
export const MAX_CONNECTIONS = 16;
const HEADERS_WITHIN_MS = 2_000;
const REQUEST_WITHIN_MS = 5_000;
const CHECK_EVERY_MS = 1_000;
const MAX_HEADER_BYTES = 8 * 1024;

/** Starts an HTTP server that does not keep the process alive. @throws the error that `listen` emits, such as EADDRINUSE */
export async function listeningServer(address: ListenOptions, onRequest: RequestListener): Promise<Server> {
  const server = createServer(
    {
      headersTimeout: HEADERS_WITHIN_MS,
      requestTimeout: REQUEST_WITHIN_MS,
      connectionsCheckingInterval: CHECK_EVERY_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    onRequest,
  );
  limitConnections(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(address, resolve);
  });
  // Without a listener, a failed accept would end the process.
  return server.on('error', () => {}).unref();
}

/** Closes the oldest connection without a request if there are too many. A new one is more likely to be a monitoring system's than an old one. */
function limitConnections(server: Server): void {
  const idle = new Set<Socket>();
  let open = 0;
  server.on('connection', (socket) => {
    open++;
    idle.add(socket);
    socket.once('close', () => {
      open--;
      idle.delete(socket);
    });
    if (open <= MAX_CONNECTIONS) return;
    const [oldest] = idle;
    oldest?.destroy();
  });
  server.on('request', ({ socket }, response) => {
    idle.delete(socket);
    response.once('close', () => {
      if (!socket.destroyed) idle.add(socket);
    });
  });
}

export async function closeServer(server: Server | undefined): Promise<void> {
  if (!server) return;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
