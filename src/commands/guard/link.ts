// Keeps the agent connected to the guard. During a motion, the agent sends twenty pings per second. If the connection is lost, the motion
// ends.
import { createConnection, type Socket } from 'node:net';
import type { Armed, MotionGuard } from '../motion.ts';
import { type FromAgent, type FromGuard, fromGuard, onMessages, PING_EVERY_MS, writeLine } from './protocol.ts';

const TRY_EVERY_MS = 500;

/** The guard normally answers in less than a millisecond. If it needs longer than this, it could not end a motion in time. */
const ANSWER_WITHIN_MS = 200;

const NOT_RUNNING = 'the guard is not running; start elderly-bot-guard.service, or elderly-bot guard beside the agent';

interface GuardLinkOptions {
  readonly path: string;
  /** Called if the guard has published the stop or has disconnected. */
  readonly onTrip: (reason: string) => void;
  /** Called whenever the guard connects or disconnects. */
  readonly onChange: (isConnected: boolean) => void;
}

interface ArmRequest {
  readonly ticket: number;
  /** Ends the request. If no failure is given, the guard now supervises the motion. */
  readonly end: (failure: string | undefined) => void;
}

export class GuardLink implements MotionGuard {
  readonly #options: GuardLinkOptions;
  #socket: Socket | undefined;
  #retry: NodeJS.Timeout | undefined;
  #pings: NodeJS.Timeout | undefined;
  #request: ArmRequest | undefined;
  #ticket = 0;
  #isConnected: boolean | undefined;
  #stopped = false;

  constructor(options: GuardLinkOptions) {
    this.#options = options;
  }

  get missing(): string | undefined {
    return this.#isConnected ? undefined : NOT_RUNNING;
  }

  start(): void {
    const socket = createConnection(this.#options.path);
    this.#socket = socket;
    socket.unref();
    socket.once('connect', () => this.#change(true));
    socket.once('close', () => {
      this.#onClose();
      if (!this.#stopped) this.#retry = setTimeout(() => this.start(), TRY_EVERY_MS).unref();
    });
    onMessages(socket, fromGuard, (message) => this.#receive(message));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    clearInterval(this.#pings);
    this.#socket?.end();
  }

  arm(durationMs: number, topics: readonly string[]): Promise<Armed> {
    this.#request?.end('a later motion was armed');
    const ticket = ++this.#ticket;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#request?.end(`the guard did not answer within ${ANSWER_WITHIN_MS} ms`), ANSWER_WITHIN_MS);
      const end = (failure: string | undefined) => {
        clearTimeout(timer);
        this.#request = undefined;
        if (failure !== undefined) {
          this.#disarm(ticket);
          reject(new Error(failure));
          return;
        }
        clearInterval(this.#pings);
        this.#pings = setInterval(() => this.#send({ ping: true }), PING_EVERY_MS);
        resolve({ disarm: () => this.#disarm(ticket) });
      };
      this.#request = { ticket, end };
      if (this.#isConnected) this.#send({ arm: ticket, for_ms: durationMs, topics: [...topics] });
      else end(NOT_RUNNING);
    });
  }

  trip(): void {
    this.#send({ trip: true });
  }

  #receive(message: FromGuard): void {
    if ('tripped' in message) this.#onTripped(`the guard stopped the motion: ${message.tripped}`);
    else if ('armed' in message && message.armed === this.#request?.ticket) this.#request.end(undefined);
    else if ('refused' in message && message.refused === this.#request?.ticket) this.#request.end(message.why);
  }

  #disarm(ticket: number): void {
    this.#send({ disarm: ticket });
    if (ticket === this.#ticket) clearInterval(this.#pings);
  }

  #onTripped(reason: string): void {
    clearInterval(this.#pings);
    this.#options.onTrip(reason);
  }

  #onClose(): void {
    const wasConnected = this.#isConnected === true;
    this.#change(false);
    this.#request?.end(NOT_RUNNING);
    if (wasConnected) this.#onTripped('the guard disconnected');
  }

  #change(isConnected: boolean): void {
    if (this.#isConnected === isConnected || this.#stopped) return;
    this.#isConnected = isConnected;
    this.#options.onChange(isConnected);
  }

  #send(message: FromAgent): void {
    if (this.#socket?.writable) this.#socket.write(writeLine(message));
  }
}

/** For robots that have no motion commands. */
export const NO_MOTION: MotionGuard = {
  missing: 'no motion is configured',
  arm: () => Promise.reject(new Error('no motion is configured')),
  trip: () => {},
};
