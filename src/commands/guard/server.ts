// Runs the guard process. It supervises each agent that armed it, and publishes the stop if an agent exits, falls silent or runs late
// during a motion. The guard must do no other work, so that nothing can delay the stop.
import { chmodSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { makeFolder, messageOf } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import { type FromGuard, fromAgent, onMessages, writeLine } from './protocol.ts';

/** The guard repeats the stop once after this delay, in case the robot missed the first message. */
const REPEAT_AFTER_MS = 100;

/** Linux's limit on a Unix socket path: `sun_path` has 108 bytes, including the terminating NUL. */
const MAX_SOCKET_PATH_BYTES = 107;

/** An agent that sends no ping for this long is treated as stalled. Even an fsync on an SD card rarely takes this long. */
const PING_WITHIN_MS = 400;

/** The agent normally ends its own motion. If it is this late, the guard ends the motion instead. */
const GRACE_MS = 50;

/** Each agent needs one. More would take the open files that the guard needs for ROS. */
const MAX_CONNECTIONS = 16;

interface GuardOptions {
  readonly path: string;
  /** Publishes zero velocity on every topic of a motion, then the stop command's messages. */
  readonly publishStop: () => void;
  /** Returns the reason if the guard would be unable to end a motion on these topics. */
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
    const folder = dirname(path);
    try {
      // The guard may start before the agent, so the state directory may not exist yet.
      makeFolder(folder, 0o700);
    } catch (cause) {
      const remedy = 'create it for the user of the agent';
      throw new AgentError('STATE_DIR_UNWRITABLE', `${folder}: ${messageOf(cause)}`, { remedy, cause });
    }
    if (await isListening(path)) {
      throw new AgentError('STATE_DIR_LOCKED', `another guard answers at ${path}`, {
        remedy: 'stop it first, or give it a state_dir of its own',
      });
    }
    rmSync(path, { force: true });
    const server = createServer((socket) => this.#serve(socket));
    server.maxConnections = MAX_CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: Error) =>
        reject(new AgentError('STATE_DIR_UNWRITABLE', `guard socket ${path}: ${cause.message}`, { remedy: 'check the state_dir', cause }));
      server.once('error', failed).listen(path, resolve);
    });
    chmodSync(path, 0o600);
    this.#server = server;
  }

  /** Closes all connections, which makes the connected agents end their motions. */
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
    const trip = (reason: string) => {
      supervision.reset();
      this.#publish();
      setTimeout(() => this.#publish(), REPEAT_AFTER_MS);
      this.#options.log.error({ event: 'guard_stopped', reason }, `the guard published the stop: ${reason}`);
      send({ tripped: reason });
    };
    const check = () => {
      clearTimeout(timer);
      const overdue = supervision.overdue(performance.now());
      if (overdue !== undefined) trip(overdue);
      const deadlineMs = supervision.deadlineMs();
      if (deadlineMs !== undefined) timer = setTimeout(check, Math.max(1, Math.ceil(deadlineMs - performance.now())));
    };
    onMessages(socket, fromAgent, (message) => {
      if ('trip' in message) trip('the agent requested it');
      else if ('ping' in message) supervision.ping(performance.now());
      else if ('disarm' in message) supervision.disarm(message.disarm);
      else {
        const refusal = this.#options.unable(message.topics);
        if (refusal === undefined) supervision.arm(message.arm, message.for_ms, performance.now());
        send(refusal === undefined ? { armed: message.arm } : { refused: message.arm, why: refusal });
      }
      check();
    });
    socket.once('close', () => {
      this.#sockets.delete(socket);
      clearTimeout(timer);
      if (supervision.isArmed) trip('the agent disconnected');
    });
  }

  #publish(): void {
    try {
      this.#options.publishStop();
    } catch (error) {
      this.#options.log.error({ event: 'guard_stop_failed', err: error }, 'the guard could not publish the whole stop');
    }
  }
}

/**
 * Decides whether an agent with a running motion is still alive. It has no timer: the caller passes in the time and must call `overdue`
 * again at `deadlineMs()`.
 */
export class Supervision {
  #armed: { readonly ticket: number; readonly endMs: number; readonly pingMs: number } | undefined;

  get isArmed(): boolean {
    return this.#armed !== undefined;
  }

  arm(ticket: number, durationMs: number, nowMs: number): void {
    this.#armed = { ticket, endMs: nowMs + durationMs + GRACE_MS, pingMs: nowMs };
  }

  ping(nowMs: number): void {
    if (this.#armed) this.#armed = { ...this.#armed, pingMs: nowMs };
  }

  disarm(ticket: number): void {
    if (this.#armed?.ticket === ticket) this.#armed = undefined;
  }

  /** Call this once the stop has been published. */
  reset(): void {
    this.#armed = undefined;
  }

  /** When the next ping is due or the motion must have ended, whichever comes first. Undefined if no motion is armed. */
  deadlineMs(): number | undefined {
    return this.#armed && Math.min(this.#armed.endMs, this.#armed.pingMs + PING_WITHIN_MS);
  }

  /** @returns the reason if the guard must publish the stop now. */
  overdue(nowMs: number): string | undefined {
    if (!this.#armed) return undefined;
    if (nowMs >= this.#armed.endMs) return 'the agent did not end the motion in time';
    return nowMs >= this.#armed.pingMs + PING_WITHIN_MS ? `the agent sent no ping for ${PING_WITHIN_MS} ms` : undefined;
  }
}

/** Whether a process is listening on the socket. */
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
