// Finds a free port for programs that cannot choose one themselves, and tests whether a port accepts connections.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { promisify } from 'node:util';

/** The kernel gives ports from 32768 on to programs that ask for any (ip_local_port_range), so none of them takes one of these. */
const FIRST = 20_000;
const LAST = 32_000;

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  const isListening = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  if (isListening) await promisify(server.close.bind(server))();
  return isListening;
}

/** Whether a program listens on this loopback port, or on the Unix socket with this path. */
export function accepts(at: number | string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = typeof at === 'number' ? connect(at, '127.0.0.1') : connect(at);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
