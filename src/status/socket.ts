// The status socket: HTTP on a Unix socket in the state directory, so that nobody outside the machine and no other user of it
// can ask. GET / answers with the status object.
import { rmSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { join } from 'node:path';
import { AgentError, messageOf } from '../errors.ts';
import type { Status } from './status.ts';

/** Linux allows 107 bytes in a socket's path; a deeper state directory gets none, and says so. */
const MAX_SOCKET_PATH_BYTES = 107;

export function socketPath(stateDir: string): string {
  return join(stateDir, 'agent.sock');
}

export class StatusSocket {
  readonly #path: string;
  readonly #status: () => Status;
  #server: Server | undefined;

  constructor(stateDir: string, status: () => Status) {
    this.#path = socketPath(stateDir);
    this.#status = status;
  }

  /** @throws AgentError STATE_DIR_UNWRITABLE; the agent goes on without its socket. */
  async start(): Promise<void> {
    if (Buffer.byteLength(this.#path) > MAX_SOCKET_PATH_BYTES) {
      throw new AgentError('STATE_DIR_UNWRITABLE', `status socket ${this.#path}: the path is longer than ${MAX_SOCKET_PATH_BYTES} bytes`, {
        todo: 'use a shorter state_dir',
      });
    }
    // The state directory's lock is ours, so a socket that is there already was left by an agent that was killed.
    rmSync(this.#path, { force: true });
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(`${JSON.stringify(this.#status())}\n`);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.#path, resolve);
    });
    server.unref();
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Asks a running agent. @throws AgentError AGENT_NOT_RUNNING */
export function askStatus(stateDir: string): Promise<Status> {
  const path = socketPath(stateDir);
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(
        new AgentError('AGENT_NOT_RUNNING', `no agent answers at ${path} (${messageOf(cause)})`, {
          todo: 'start it with elderly-bot run, or give --config with the state_dir of the one that runs',
          cause,
        }),
      );
    const asking = request({ socketPath: path, path: '/', timeout: 5_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve(JSON.parse(text) as Status));
    });
    asking.on('timeout', () => asking.destroy(new Error('no answer in 5 s')));
    asking.on('error', fail).end();
  });
}
