// The status socket: HTTP on a Unix socket in the state directory, out of reach for other machines and other users. GET / returns the
// status object, POST /reload reads the configuration again, POST /rotate gets another certificate.
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { messageOf, parseJson, requestOverSocket } from '../base/index.ts';
import { AgentError, type ErrorCode } from '../errors.ts';
import type { Reloaded, Rotated, Status } from './status.ts';

/** Linux allows 107 bytes in the path of a socket. An agent with a longer path has no socket. */
const MAX_SOCKET_PATH_BYTES = 107;

const ANSWER_MS = 5_000;
const ROTATION_MS = 10 * 60_000;

export function socketPath(stateDir: string): string {
  return join(stateDir, 'agent.sock');
}

/** Requests that change something. Each throws an AgentError if nothing was changed. */
export interface Orders {
  readonly reload: () => Reloaded;
  readonly rotate: () => Promise<Rotated>;
}

export class StatusSocket {
  readonly #path: string;
  readonly #status: () => Status;
  readonly #orders: Orders;
  #server: Server | undefined;

  constructor(stateDir: string, status: () => Status, orders: Orders) {
    this.#path = socketPath(stateDir);
    this.#status = status;
    this.#orders = orders;
  }

  /** @throws AgentError STATE_DIR_UNWRITABLE; the agent works without its socket. */
  async start(): Promise<void> {
    if (Buffer.byteLength(this.#path) > MAX_SOCKET_PATH_BYTES) {
      throw new AgentError('STATE_DIR_UNWRITABLE', `status socket ${this.#path}: the path is longer than ${MAX_SOCKET_PATH_BYTES} bytes`, {
        remedy: 'use a shorter state_dir',
      });
    }
    // This agent holds the lock of the state directory, so an existing socket belongs to an agent that was killed.
    rmSync(this.#path, { force: true });
    const server = createServer(({ method, url }, response) => {
      const order = method === 'POST' ? this.#orders[url?.slice(1) as keyof Orders] : undefined;
      const answered = order ? answerTo(order) : Promise.resolve([200, this.#status()] as const);
      void answered.then(([status, answer]) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(answer)}\n`);
      });
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

async function answerTo(order: () => unknown): Promise<readonly [status: number, answer: unknown]> {
  try {
    return [200, await order()];
  } catch (error) {
    const { code, remedy } = error instanceof AgentError ? error : { code: undefined, remedy: undefined };
    return [422, { detail: messageOf(error), code, remedy }];
  }
}

/** Asks a running agent. @throws AgentError AGENT_NOT_RUNNING */
export async function askStatus(stateDir: string): Promise<Status> {
  return (await ask(stateDir, 'GET', '/')).answer as Status;
}

/** Makes a running agent read its configuration again. @throws AgentError AGENT_NOT_RUNNING, or CONFIG_INVALID with the agent's text */
export async function askReload(stateDir: string): Promise<Reloaded> {
  const { status, answer } = await ask(stateDir, 'POST', '/reload');
  if (status === 200) return answer as Reloaded;
  throw new AgentError('CONFIG_INVALID', `${(answer as { detail: string }).detail}`, {
    remedy: 'correct the configuration and reload again; nothing was changed',
  });
}

/** Makes a running agent get another certificate, which takes up to minutes. @throws AgentError AGENT_NOT_RUNNING, or the agent's own error */
export async function askRotate(stateDir: string): Promise<Rotated> {
  const { status, answer } = await ask(stateDir, 'POST', '/rotate', ROTATION_MS);
  if (status === 200) return answer as Rotated;
  const { detail, code = 'PROVISIONING_FAILED', remedy } = answer as { detail: string; code?: ErrorCode; remedy?: string };
  throw new AgentError(code, detail, remedy === undefined ? {} : { remedy });
}

async function ask(
  stateDir: string,
  method: 'GET' | 'POST',
  path: string,
  timeoutMs = ANSWER_MS,
): Promise<{ status: number; answer: unknown }> {
  const socket = socketPath(stateDir);
  try {
    const { status, body } = await requestOverSocket({ socketPath: socket, method, path, timeoutMs });
    return { status, answer: parseJson(body) };
  } catch (cause) {
    throw new AgentError('AGENT_NOT_RUNNING', `no agent answers at ${socket} (${messageOf(cause)})`, {
      remedy: 'start one with elderly-bot run, or give --config with the state_dir of the agent that runs',
      cause,
    });
  }
}
