// Gives each test process a ROS_DOMAIN_ID of its own, so that parallel tests do not receive each other's messages. A process holds a
// domain by listening on a loopback port that belongs to it. The kernel decides who gets the port, and frees it when the process ends.
import { createServer, type Server } from 'node:net';
import { forgetTheFuture } from './sharedMemory.ts';

/** Above 101 the ports of DDS can collide with the ephemeral ones of Linux (docs.ros.org, The ROS_DOMAIN_ID). */
const LAST_DOMAIN = 101;
const FIRST_PORT = 47_000;

/** The loopback port of domain `id`. */
export const lockPort = (id: number): number => FIRST_PORT + id;

export interface RosDomain {
  readonly id: number;
  /** Variables for child processes. They are also set in this process. */
  readonly env: { readonly ROS_DOMAIN_ID: string; readonly ROS_AUTOMATIC_DISCOVERY_RANGE: string };
  release(): Promise<void>;
}

/** Takes a free domain for this process. Nodes that already run keep theirs. */
export async function claimDomain(): Promise<RosDomain> {
  forgetTheFuture();
  for (let n = 0; n < LAST_DOMAIN; n += 1) {
    const id = 1 + ((process.pid + n) % LAST_DOMAIN);
    const lock = await listen(lockPort(id));
    if (lock === undefined) continue;
    const env = { ROS_DOMAIN_ID: String(id), ROS_AUTOMATIC_DISCOVERY_RANGE: 'LOCALHOST' };
    Object.assign(process.env, env);
    return { id, env, release: () => new Promise((resolve) => lock.close(() => resolve())) };
  }
  throw new Error(`all ROS domains from 1 to ${LAST_DOMAIN} are taken: is another program on loopback ports ${lockPort(1)} and up?`);
}

/** @returns undefined if another process has the port. */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server));
  });
}
