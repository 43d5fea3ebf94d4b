// The agent's side of the guard: a connection that is made again and again. While it is up and a motion is under way, the agent says
// twenty times a second that it lives; when it ends, the motion ends.
import { createConnection, type Socket } from 'node:net';
import type { Armed, MotionGuard } from '../motion.ts';
import { BEAT_EVERY_MS, type FromAgent, type FromGuard, fromGuard, onMessages, writeLine } from './protocol.ts';

const TRY_EVERY_MS = 500;

/** An answer takes under a millisecond; a guard that is slower could not end a motion in time either. */
const ANSWER_WITHIN_MS = 200;

const NOT_RUNNING = 'the guard is not running; start elderly-bot-guard.service, or elderly-bot guard beside the agent';

export interface GuardLinkOptions {
  readonly path: string;
  /** The guard published the stop, or is gone with a motion under way. */
  readonly onTrip: (why: string) => void;
  /** Whether the guard is there; said once at each change. */
  readonly onChange: (isThere: boolean) => void;
}

interface Asked {
  readonly ticket: number;
  readonly settle: (why: string | undefined) => void;
}

export class GuardLink implements MotionGuard {
  readonly #options: GuardLinkOptions;
  #socket: Socket | undefined;
  #retry: NodeJS.Timeout | undefined;
  #beats: NodeJS.Timeout | undefined;
  #asked: Asked | undefined;
  #ticket = 0;
  #isThere: boolean | undefined;
  #stopped = false;

  constructor(options: GuardLinkOptions) {
    this.#options = options;
  }

  get missing(): string | undefined {
    return this.#isThere ? undefined : NOT_RUNNING;
  }

  start(): void {
    const socket = createConnection(this.#options.path);
    this.#socket = socket;
    socket.unref();
    socket.once('connect', () => this.#change(true));
    socket.once('close', () => {
      this.#lost();
      if (!this.#stopped) this.#retry = setTimeout(() => this.start(), TRY_EVERY_MS).unref();
    });
    onMessages(socket, fromGuard, (message) => this.#take(message));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    clearInterval(this.#beats);
    this.#socket?.end();
  }

  arm(durationMs: number, topics: readonly string[]): Promise<Armed> {
    this.#asked?.settle('a later motion was armed');
    const ticket = ++this.#ticket;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#asked?.settle(`the guard did not answer within ${ANSWER_WITHIN_MS} ms`), ANSWER_WITHIN_MS);
      this.#asked = {
        ticket,
        settle: (why) => {
          clearTimeout(timer);
          this.#asked = undefined;
          if (why !== undefined) {
            this.#disarm(ticket);
            reject(new Error(why));
            return;
          }
          this.#beat();
          resolve({ disarm: () => this.#disarm(ticket) });
        },
      };
      if (this.#isThere) this.#say({ arm: ticket, for_ms: durationMs, topics: [...topics] });
      else this.#asked.settle(NOT_RUNNING);
    });
  }

  trip(): void {
    this.#say({ trip: true });
  }

  #take(message: FromGuard): void {
    if ('tripped' in message) this.#tripped(`the guard stopped it: ${message.tripped}`);
    else if ('armed' in message && message.armed === this.#asked?.ticket) this.#asked.settle(undefined);
    else if ('refused' in message && message.refused === this.#asked?.ticket) this.#asked.settle(message.why);
  }

  #beat(): void {
    clearInterval(this.#beats);
    this.#beats = setInterval(() => this.#say({ beat: true }), BEAT_EVERY_MS);
  }

  #disarm(ticket: number): void {
    this.#say({ disarm: ticket });
    if (ticket === this.#ticket) clearInterval(this.#beats);
  }

  #tripped(why: string): void {
    clearInterval(this.#beats);
    this.#options.onTrip(why);
  }

  #lost(): void {
    const wasThere = this.#isThere === true;
    this.#change(false);
    this.#asked?.settle(NOT_RUNNING);
    if (wasThere) this.#tripped('the guard is gone');
  }

  #change(isThere: boolean): void {
    if (this.#isThere === isThere || this.#stopped) return;
    this.#isThere = isThere;
    this.#options.onChange(isThere);
  }

  #say(message: FromAgent): void {
    if (this.#socket?.writable) this.#socket.write(writeLine(message));
  }
}

/** Where no command moves the robot there is nothing to guard. */
export const NO_MOTION: MotionGuard = {
  missing: 'no motion is configured',
  arm: () => Promise.reject(new Error('no motion is configured')),
  trip: () => {},
};
