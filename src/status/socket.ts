// The status socket: HTTP on a Unix socket in the state directory, so that nobody outside the machine and no other user of it
// can ask. GET / answers with the status object, POST /reload reads the configuration again.
import { rmSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { join } from 'node:path';
import { AgentError, messageOf } from '../errors.ts';
import type { Reloaded, Status } from './status.ts';

/** Linux allows 107 bytes in a socket's path; a deeper state directory gets none, and says so. */
const MAX_SOCKET_PATH_BYTES = 107;

export function socketPath(stateDir: string): string {
  return join(stateDir, 'agent.sock');
}

export class StatusSocket {
  readonly #path: string;
  readonly #status: () => Status;
  readonly #reload: () => Reloaded;
  #server: Server | undefined;

  /** @param reload throws an AgentError where nothing was changed. */
  constructor(stateDir: string, status: () => Status, reload: () => Reloaded) {
    this.#path = socketPath(stateDir);
    this.#status = status;
    this.#reload = reload;
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
    const server = createServer(({ method, url }, response) => {
      const [status, answer] = method === 'POST' && url === '/reload' ? this.#reloaded() : [200, this.#status()];
      response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(answer)}\n`);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.#path, resolve);
    });
    server.unref();
    this.#server = server;
  }

  #reloaded(): [status: number, answer: unknown] {
    try {
      return [200, this.#reload()];
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      return [422, { detail: error.message }];
    }
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Asks a running agent. @throws AgentError AGENT_NOT_RUNNING */
export async function askStatus(stateDir: string): Promise<Status> {
  return (await ask(stateDir, 'GET', '/')).answer as Status;
}

/** Has a running agent read its configuration again. @throws AgentError AGENT_NOT_RUNNING, CONFIG_INVALID with what the agent said */
export async function askReload(stateDir: string): Promise<Reloaded> {
  const { status, answer } = await ask(stateDir, 'POST', '/reload');
  if (status === 200) return answer as Reloaded;
  throw new AgentError('CONFIG_INVALID', `${(answer as { detail: string }).detail}`, {
    todo: 'mend it and reload again; nothing was changed',
  });
}

function ask(stateDir: string, method: 'GET' | 'POST', route: string): Promise<{ status: number | undefined; answer: unknown }> {
  const path = socketPath(stateDir);
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(
        new AgentError('AGENT_NOT_RUNNING', `no agent answers at ${path} (${messageOf(cause)})`, {
          todo: 'start it with elderly-bot run, or give --config with the state_dir of the one that runs',
          cause,
        }),
      );
    const asking = request({ socketPath: path, method, path: route, timeout: 5_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode, answer: JSON.parse(text) as unknown }));
    });
    asking.on('timeout', () => asking.destroy(new Error('no answer in 5 s')));
    asking.on('error', fail).end();
  });
}
