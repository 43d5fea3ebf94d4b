// Simulates the worst broker that the protocol permits: it loses messages before and after the PUBACK, delivers messages twice and out of
// order, keeps no session, refuses some messages permanently, and disappears. It connects the robot's real uplink and the real cloud.
import { inflateSync } from 'node:zlib';
import { NO_LIMITS } from '../../src/uplink/brokerLimits.ts';
import { type Connect, ConnectError, type Link } from '../../src/uplink/index.ts';
import type { VirtualTime } from './time.ts';

/** The fraction of the messages with each fault, from 0 to 1, for each transfer. */
export interface BrokerFaults {
  readonly lost: number;
  readonly unacknowledged: number;
  readonly doubled: number;
  readonly refused: number;
  /** Upper limit for the time of a delivery. */
  readonly lateMs: number;
}

export const NO_FAULTS: BrokerFaults = { lost: 0, unacknowledged: 0, doubled: 0, refused: 0, lateMs: 50 };

export type Receive = (topic: string, payload: Buffer) => void;

/** Receives the messages of the robot for the model. */
export interface Watch {
  readonly sent: (topic: string, payload: Buffer) => void;
  readonly acknowledged: (topic: string, payload: Buffer) => void;
  /** Plants a fault: returns the text to send in place of a message, or null to send nothing. */
  readonly upward?: (topic: string, text: string) => string | null;
}

type Options = Parameters<Connect>[0];

interface Connected {
  readonly options: Options;
  readonly end: (reason: Error | undefined) => void;
}

/** Reason codes of refusals: of the topic, of the rate, and of the content of a message. */
const REFUSALS = [0x87, 0x97, 0x99] as const;

export class Broker {
  faults = NO_FAULTS;
  isUp = true;
  ends = 0;
  refusals = 0;
  readonly #time: VirtualTime;
  readonly #watch: Watch;
  readonly #clouds = new Set<Receive>();
  #robot: Connected | undefined;
  /** Messages of an earlier epoch never arrive. */
  #epoch = 0;

  constructor(time: VirtualTime, watch: Watch) {
    this.#time = time;
    this.#watch = watch;
  }

  readonly connect: Connect = (options, signal) =>
    new Promise((resolve, reject) => {
      const stop = () => reject(new ConnectError('stopped', 'ABORTED'));
      signal.addEventListener('abort', stop, { once: true });
      const answerMs = this.isUp ? this.#delayMs() : options.answerTimeoutMs;
      this.#time.after(answerMs, () => {
        if (signal.aborted) return;
        signal.removeEventListener('abort', stop);
        if (this.isUp) resolve(this.#link(options));
        else reject(new ConnectError('no answer from the broker', 'ETIMEDOUT'));
      });
    });

  /** @returns a function that ends the subscription. */
  subscribe(receive: Receive): () => void {
    this.#clouds.add(receive);
    return () => void this.#clouds.delete(receive);
  }

  /** Sends a message of the cloud to the robot, if the robot is connected when the message arrives. */
  publish(topic: string, payload: string): Promise<void> {
    this.#carry(() => this.#robot?.options.onMessage({ topic, payload: Buffer.from(payload), retained: false, expiryMs: undefined }));
    return new Promise((resolve, reject) => {
      const answered = this.isUp && this.#time.random() >= this.faults.unacknowledged;
      this.#time.after(this.#delayMs(), () => (answered ? resolve() : reject(new Error('no PUBACK'))));
    });
  }

  /** Ends the robot's connection. */
  cut(): void {
    this.#robot?.end(undefined);
  }

  /** Loses all messages in transit. */
  forget(): void {
    this.#epoch++;
  }

  #link(options: Options): Link {
    this.cut();
    let hasEnded = false;
    let ended: (reason: Error | undefined) => void = () => {};
    const end = (reason: Error | undefined, clean = false) => {
      if (hasEnded) return;
      hasEnded = true;
      this.ends++;
      this.#robot = undefined;
      if (!clean && options.will) this.#forward(options.will.topic, Buffer.from(options.will.payload));
      ended(reason);
    };
    this.#robot = { options, end };
    const isOver = () => hasEnded;
    return {
      limits: NO_LIMITS,
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
    const { lost, unacknowledged, refused } = this.faults;
    if (this.#time.random() < lost) return;
    const refuses = this.#time.random() < refused && !topic.endsWith('/presence');
    const answers = this.#time.random() >= unacknowledged;
    this.#time.after(this.#delayMs(), () => {
      if (!refuses) this.#forward(topic, payload);
      if (!answers) return;
      this.#time.after(this.#delayMs(), () => {
        if (isOver()) return;
        if (refuses) this.refusals++;
        else this.#watch.acknowledged(topic, payload);
        done(refuses ? this.#refusal() : undefined);
      });
    });
  }

  #refusal(): Error {
    const code = REFUSALS[Math.floor(this.#time.random() * REFUSALS.length)] ?? 0x87;
    return Object.assign(new Error('Publish error'), { code });
  }

  #forward(topic: string, payload: Buffer): void {
    for (const receive of this.#clouds) {
      this.#carry(() => {
        if (this.#clouds.has(receive)) receive(topic, inflated(payload));
      });
    }
  }

  /** Delivers a message never, once or twice, after a random delay. */
  #carry(deliver: () => void): void {
    const copies = this.#time.random() < this.faults.lost ? 0 : this.#time.random() < this.faults.doubled ? 2 : 1;
    const epoch = this.#epoch;
    for (let copy = 0; copy < copies; copy++) {
      this.#time.after(this.#delayMs(), () => {
        if (epoch === this.#epoch) deliver();
      });
    }
  }

  #delayMs(): number {
    return 1 + Math.floor(this.#time.random() * this.faults.lateMs);
  }
}

/** Inflates a payload in this thread: a history in virtual time cannot wait for a worker thread. The cloud accepts both forms. */
export function inflated(payload: Buffer): Buffer {
  return payload[0] === 0x78 ? inflateSync(payload) : payload;
}
