// Serves the agent's status over HTTP on a Unix socket in the state directory. There is no authentication: only users who may access that
// directory, which the agent creates with mode 0700, can connect. GET / returns the status object, POST /reload reads the configuration
// again, and POST /rotate gets a new certificate.
import { rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { codeOf, messageOf, parseJson, requestOverSocket } from '../base/index.ts';
import { AgentError, type ErrorCode } from '../errors.ts';
import { findStandIn } from '../state/index.ts';
import { closeServer, listeningServer } from './httpServer.ts';
import type { Reloaded, Rotated, Status } from './status.ts';

/** Linux's limit on the length of a Unix socket path. If the path is longer, the agent runs without the socket. */
const MAX_SOCKET_PATH_BYTES = 107;

const ANSWER_MS = 5_000;
const ROTATION_MS = 10 * 60_000;

export function socketPath(stateDir: string): string {
  return join(stateDir, 'agent.sock');
}

/** Requests that change the agent. If a request fails, it throws an AgentError and leaves the agent unchanged. */
interface Actions {
  readonly reload: () => Reloaded;
  readonly rotate: () => Promise<Rotated>;
}

export class StatusSocket {
  readonly #path: string;
  readonly #status: () => Status;
  readonly #actions: Actions;
  #server: Server | undefined;

  constructor(stateDir: string, status: () => Status, actions: Actions) {
    this.#path = socketPath(stateDir);
    this.#status = status;
    this.#actions = actions;
  }

  /** @throws AgentError STATE_DIR_UNWRITABLE if the path is too long; the agent then runs without the socket */
  async start(): Promise<void> {
    if (Buffer.byteLength(this.#path) > MAX_SOCKET_PATH_BYTES) {
      throw new AgentError('STATE_DIR_UNWRITABLE', `status socket ${this.#path}: the path is longer than ${MAX_SOCKET_PATH_BYTES} bytes`, {
        remedy: 'use a shorter state_dir',
      });
    }
    // This process holds the state directory's lock, so an existing socket must be left over from an agent that was killed.
    rmSync(this.#path, { force: true });
    this.#server = await listeningServer({ path: this.#path }, ({ method, url }, response) => {
      const action = method === 'POST' ? this.#actions[url?.slice(1) as keyof Actions] : undefined;
      const answered = action ? answerTo(action, 422) : answerTo(this.#status, 500);
      void answered.then(([status, answer]) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(`${answer}\n`);
      });
    });
  }

  stop(): Promise<void> {
    return closeServer(this.#server);
  }
}

interface Failure {
  readonly detail: string;
  readonly code?: ErrorCode;
  readonly remedy?: string;
}

/** Never rejects: an unhandled rejection would end the agent. @returns the answer as JSON, with `failed` as the status of an exception */
async function answerTo(work: () => unknown, failed: number): Promise<readonly [status: number, answer: string]> {
  try {
    return [200, JSON.stringify(await work())];
  } catch (error) {
    const { code, remedy } = error instanceof AgentError ? error : { code: undefined, remedy: undefined };
    return [failed, JSON.stringify({ detail: messageOf(error), code, remedy })];
  }
}

/** @throws AgentError AGENT_NOT_RUNNING, or STATUS_FAILED if the agent could not collect its status. */
export async function askStatus(stateDir: string): Promise<Status> {
  const { status, answer } = await ask(stateDir, 'GET', '/');
  if (status === 200) return answer as Status;
  const { detail } = answer as { detail: string };
  throw new AgentError('STATUS_FAILED', `the running agent could not collect its status: ${detail}`, { remedy: 'report this as a bug' });
}

/** Asks the running agent to reload its configuration. @throws AgentError AGENT_NOT_RUNNING, or CONFIG_INVALID with the agent's message */
export async function askReload(stateDir: string): Promise<Reloaded> {
  const { status, answer } = await ask(stateDir, 'POST', '/reload');
  if (status === 200) return answer as Reloaded;
  const { detail, code = 'CONFIG_INVALID', remedy } = answer as Failure;
  const isCertificate = code.startsWith('CERTIFICATE_') || code.startsWith('KEY_');
  throw new AgentError(code, detail, {
    remedy: `${isCertificate ? remedy : 'correct the configuration and reload again'}; nothing was changed`,
  });
}

/** Asks the running agent to get a new certificate, which may take minutes. @throws AgentError AGENT_NOT_RUNNING, or the agent's error */
export async function askRotate(stateDir: string): Promise<Rotated> {
  const { status, answer } = await ask(stateDir, 'POST', '/rotate', ROTATION_MS);
  if (status === 200) return answer as Rotated;
  const { detail, code = 'PROVISIONING_FAILED', remedy } = answer as Failure;
  throw new AgentError(code, detail, remedy === undefined ? {} : { remedy });
}

/** An agent that cannot write its state directory has its socket in the stand-in. */
async function ask(stateDir: string, method: 'GET' | 'POST', path: string, timeoutMs = ANSWER_MS) {
  const socket = socketPath(stateDir);
  const standIn = findStandIn(stateDir);
  const asked = (from: string) => requestOverSocket({ socketPath: socketPath(from), method, path, timeoutMs });
  try {
    const answered = asked(stateDir);
    const { status, body } = await (standIn === undefined ? answered : answered.catch(() => asked(standIn)));
    return { status, answer: parseJson(body) };
  } catch (cause) {
    throw new AgentError('AGENT_NOT_RUNNING', `no agent answers at ${socket} (${messageOf(cause)})`, {
      remedy:
        codeOf(cause) === 'EACCES'
          ? 'the folder belongs to another user, as with the installed service: use sudo'
          : 'start it with elderly-bot run, or use --config with the configuration of the running agent',
      cause,
    });
  }
}
