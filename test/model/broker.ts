// A broker as bad as the protocol allows: it loses messages before and after its PUBACK, delivers them twice and out of order, keeps
// no session, refuses some for good, and goes away. The robot's real uplink and the real cloud speak through it.
import { inflateSync } from 'node:zlib';
import { type Connect, ConnectError, type Link } from '../../src/uplink/index.ts';
import type { VirtualTime } from './time.ts';

/** Parts from 0 to 1 of the messages that meet that fate, each time they cross. */
export interface Weather {
  readonly lost: number;
  readonly unacknowledged: number;
  readonly doubled: number;
  readonly refused: number;
  /** Each delivery takes up to this. */
  readonly lateMs: number;
}

export const FAIR: Weather = { lost: 0, unacknowledged: 0, doubled: 0, refused: 0, lateMs: 50 };

export type Take = (topic: string, payload: Buffer) => void;

/** What the model wants to see of the robot's side. */
export interface Watch {
  readonly sent: (topic: string, payload: Buffer) => void;
  readonly acknowledged: (topic: string, payload: Buffer) => void;
  /** A planted fault: what becomes of a message before it leaves; null: nothing leaves. */
  readonly upward?: (topic: string, text: string) => string | null;
}

type Options = Parameters<Connect>[0];

interface Connected {
  readonly options: Options;
  readonly end: (reason: Error | undefined) => void;
}

/** MQTT's packet identifiers of what was refused for good (0x99, payload format invalid) don't matter: only that it is an error. */
const REFUSED = 'Publish error: Payload format invalid';

export class Broker {
  weather = FAIR;
  isUp = true;
  ends = 0;
  refusals = 0;
  readonly #time: VirtualTime;
  readonly #watch: Watch;
  readonly #clouds = new Set<Take>();
  #robot: Connected | undefined;
  /** What was under way in an earlier epoch never arrives. */
  #epoch = 0;

  constructor(time: VirtualTime, watch: Watch) {
    this.#time = time;
    this.#watch = watch;
  }

  readonly connect: Connect = (options, signal) =>
    new Promise((resolve, reject) => {
      const { host, port, connectTimeoutMs } = options;
      const stop = () => reject(new ConnectError('stopped', 'ABORTED'));
      signal.addEventListener('abort', stop, { once: true });
      const answerMs = this.isUp ? this.#delayMs() : connectTimeoutMs;
      this.#time.after(answerMs, () => {
        if (signal.aborted) return;
        signal.removeEventListener('abort', stop);
        if (this.isUp) resolve(this.#link(options));
        else reject(new ConnectError(`no answer from ${host}:${port}`, 'ETIMEDOUT'));
      });
    });

  /** @returns how to end the subscription. */
  subscribe(take: Take): () => void {
    this.#clouds.add(take);
    return () => void this.#clouds.delete(take);
  }

  /** From the cloud to the robot, if it is there when the message arrives. */
  publish(topic: string, payload: string): Promise<void> {
    this.#carry(() => this.#robot?.options.onMessage({ topic, payload: Buffer.from(payload), retained: false, expires: false }));
    return new Promise((resolve, reject) => {
      const answered = this.isUp && this.#time.random() >= this.weather.unacknowledged;
      this.#time.after(this.#delayMs(), () => (answered ? resolve() : reject(new Error('no PUBACK'))));
    });
  }

  /** The robot's connection ends. */
  cut(): void {
    this.#robot?.end(undefined);
  }

  /** Everything under way is lost. */
  forget(): void {
    this.#epoch++;
  }

  #link(options: Options): Link {
    this.cut();
    let over = false;
    let ended: (reason: Error | undefined) => void = () => {};
    const end = (reason: Error | undefined, clean = false) => {
      if (over) return;
      over = true;
      this.ends++;
      this.#robot = undefined;
      if (!clean && options.will) this.#forward(options.will.topic, Buffer.from(options.will.payload));
      ended(reason);
    };
    this.#robot = { options, end };
    const isOver = () => over;
    return {
      ended: new Promise((resolve) => {
        ended = resolve;
      }),
      publish: (topic, payload, done) => {
        const leaving = this.#planted(topic, Buffer.from(payload));
        if (leaving) this.#fromRobot(topic, leaving, isOver, done);
      },
      subscribe: () => Promise.resolve(),
      drop: () => end(undefined),
      close: () => {
        end(undefined, true);
        return Promise.resolve();
      },
    };
  }

  #planted(topic: string, payload: Buffer): Buffer | null {
    if (!this.#watch.upward) return payload;
    const text = this.#watch.upward(topic, inflated(payload).toString());
    return text === null ? null : Buffer.from(text);
  }

  #fromRobot(topic: string, payload: Buffer, isOver: () => boolean, done: (error: Error | undefined) => void): void {
    if (isOver()) return;
    this.#watch.sent(topic, payload);
    const { lost, unacknowledged, refused } = this.weather;
    if (this.#time.random() < lost) return;
    const refuses = this.#time.random() < refused && mayBeRefused(topic, payload);
    const answers = this.#time.random() >= unacknowledged;
    this.#time.after(this.#delayMs(), () => {
      if (!refuses) this.#forward(topic, payload);
      if (!answers) return;
      this.#time.after(this.#delayMs(), () => {
        if (isOver()) return;
        if (refuses) this.refusals++;
        else this.#watch.acknowledged(topic, payload);
        done(refuses ? new Error(REFUSED) : undefined);
      });
    });
  }

  #forward(topic: string, payload: Buffer): void {
    for (const take of this.#clouds) {
      this.#carry(() => {
        if (this.#clouds.has(take)) take(topic, inflated(payload));
      });
    }
  }

  /** Never, once or twice, now or later. */
  #carry(deliver: () => void): void {
    const copies = this.#time.random() < this.weather.lost ? 0 : this.#time.random() < this.weather.doubled ? 2 : 1;
    const epoch = this.#epoch;
    for (let copy = 0; copy < copies; copy++) {
      this.#time.after(this.#delayMs(), () => {
        if (epoch === this.#epoch) deliver();
      });
    }
  }

  #delayMs(): number {
    return 1 + Math.floor(this.#time.random() * this.weather.lateMs);
  }
}

/** The one row that says what a lost file held has no second chance: a broker that would never take it is not modelled. */
function mayBeRefused(topic: string, payload: Buffer): boolean {
  return !topic.endsWith('/presence') && !payload.includes('outbox_closed');
}

/** Inflating is a thread's work, which a history in virtual time can't wait for; the cloud takes both forms. */
export function inflated(payload: Buffer): Buffer {
  return payload[0] === 0x78 ? inflateSync(payload) : payload;
}
