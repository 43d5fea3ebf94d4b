// The guard process: it supervises each agent that armed it, and publishes the stop if an agent is gone, silent or late during a
// motion. It does nothing else, so nothing can delay the stop.
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { messageOf } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import { type FromAgent, type FromGuard, fromAgent, MAX_SOCKET_PATH_BYTES, onMessages, writeLine } from './protocol.ts';
import { Supervision } from './supervision.ts';

/** The stop is repeated once, in case the robot missed the first one. */
const AGAIN_AFTER_MS = 100;

export interface GuardOptions {
  readonly path: string;
  /** Publishes zero velocity on every topic of a motion, and the stop command's messages. */
  readonly publishStop: () => void;
  /** Why the guard could not end a motion on these topics; undefined if it can. */
  readonly unable: (topics: readonly string[]) => string | undefined;
  readonly log: Logger;
}

export class GuardServer {
  readonly #options: GuardOptions;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** @throws AgentError STATE_DIR_UNWRITABLE, STATE_DIR_LOCKED */
  async start(): Promise<void> {
    const { path } = this.#options;
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
      throw new AgentError('STATE_DIR_UNWRITABLE', `guard socket ${path}: the path is longer than ${MAX_SOCKET_PATH_BYTES} bytes`, {
        remedy: 'use a shorter state_dir',
      });
    }
    prepare(dirname(path));
    if (await isListening(path)) {
      throw new AgentError('STATE_DIR_LOCKED', `another guard answers at ${path}`, {
        remedy: 'stop it first, or give it a state_dir of its own',
      });
    }
    rmSync(path, { force: true });
    const server = createServer((socket) => this.#serve(socket));
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: Error) =>
        reject(new AgentError('STATE_DIR_UNWRITABLE', `guard socket ${path}: ${cause.message}`, { remedy: 'check the state_dir', cause }));
      server.once('error', failed).listen(path, resolve);
    });
    chmodSync(path, 0o600);
    this.#server = server;
  }

  /** Closes all connections; agents then end their motions themselves. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    const supervision = new Supervision();
    let timer: NodeJS.Timeout | undefined;
    const send = (message: FromGuard) => socket.writable && socket.write(writeLine(message));
    const trip = (why: string) => {
      supervision.reset();
      this.#trip(why);
      send({ tripped: why });
    };
    const look = () => {
      clearTimeout(timer);
      const why = supervision.overdue(performance.now());
      if (why !== undefined) trip(why);
      const deadlineMs = supervision.deadlineMs();
      if (deadlineMs !== undefined) timer = setTimeout(look, Math.max(1, Math.ceil(deadlineMs - performance.now())));
    };
    onMessages(socket, fromAgent, (message) => {
      this.#take(message, supervision, send, trip);
      look();
    });
    socket.once('close', () => {
      this.#sockets.delete(socket);
      clearTimeout(timer);
      if (supervision.isArmed) trip('the agent disconnected');
    });
  }

  #take(message: FromAgent, supervision: Supervision, send: (message: FromGuard) => void, trip: (why: string) => void): void {
    if ('trip' in message) trip('the agent requested it');
    else if ('ping' in message) supervision.ping(performance.now());
    else if ('disarm' in message) supervision.disarm(message.disarm);
    else {
      const why = this.#options.unable(message.topics);
      if (why === undefined) supervision.arm(message.arm, message.for_ms, performance.now());
      send(why === undefined ? { armed: message.arm } : { refused: message.arm, why });
    }
  }

  #trip(why: string): void {
    const { log } = this.#options;
    this.#publish();
    setTimeout(() => this.#publish(), AGAIN_AFTER_MS);
    log.error({ event: 'guard_stopped', reason: why }, `the guard published the stop: ${why}`);
  }

  #publish(): void {
    try {
      this.#options.publishStop();
    } catch (error) {
      this.#options.log.error({ event: 'guard_stop_failed', err: error }, 'the guard could not publish the whole stop');
    }
  }
}

/** The guard may start before the agent, and so before the state directory exists. */
function prepare(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new AgentError('STATE_DIR_UNWRITABLE', `${folder}: ${messageOf(cause)}`, {
      remedy: 'create it for the user of the agent',
      cause,
    });
  }
}

/** Whether a process listens on the socket. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
