// A ROS_DOMAIN_ID of its own for each test process, so that parallel tests and whatever else runs on this machine don't hear
// each other. A domain is held by listening on its loopback port: taken or free is decided by the kernel, and a process that
// dies, however, gives it back at once.
import { createServer, type Server } from 'node:net';
import { forgetTheFuture } from './sharedMemory.ts';

/** Above 101 the ports of DDS can collide with the ephemeral ones of Linux (docs.ros.org, The ROS_DOMAIN_ID). */
const LAST_DOMAIN = 101;
const FIRST_PORT = 47_000;

/** The loopback port that is listened on while domain `id` is held. */
export const lockPort = (id: number): number => FIRST_PORT + id;

export interface RosDomain {
  readonly id: number;
  /** For child processes; this process has them too. */
  readonly env: { readonly ROS_DOMAIN_ID: string; readonly ROS_AUTOMATIC_DISCOVERY_RANGE: string };
  release(): Promise<void>;
}

/** Takes a free domain and points this process at it. Nodes started before keep theirs. */
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

/** Undefined where somebody else has the port. */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server));
  });
}
