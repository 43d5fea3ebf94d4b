// Runs one motion at a time. Every motion ends: when its duration has passed, or because of a stop, a lost connection, the agent's shutdown
// or the guard. The guard is a separate process. A motion may start only after the guard has confirmed that it will end the motion if this
// process cannot.
import type { Logger } from 'pino';
import { messageOf } from '../base/index.ts';

/** The process that publishes the stop if this process dies, is suspended or stalls during a motion. */
export interface MotionGuard {
  /** Why no motion may start now. Undefined if the guard is connected. */
  readonly missing: string | undefined;
  /** Resolves once the guard supervises a motion of this duration on these topics. Rejects with the reason if the guard refuses. */
  arm(durationMs: number, topics: readonly string[]): Promise<Armed>;
  /** Asks the guard to publish the stop now. */
  trip(): void;
}

export interface Armed {
  /** Tells the guard that the motion has ended. Does nothing if a later motion has been armed in the meantime. */
  disarm(): void;
}

interface Brakes {
  /** Publishes zero velocity on the motion's topics. Does nothing if the robot plans the motion itself. */
  readonly zero: () => void;
  /** Publishes the stop command's messages, which set zero velocity and cancel goals. */
  readonly stop: () => void;
  /** Topics that accept zero velocity. Empty if the robot plans the motion itself: then its goal must be cancelled instead. */
  readonly topics: readonly string[];
}

/** The right to move. A command holds it from its admission until its motion starts. */
export interface MotionClaim {
  readonly name: string;
}

interface RunningMotion extends MotionClaim, Brakes {
  readonly timer: NodeJS.Timeout;
  readonly armed: Armed;
}

export class Motion {
  readonly #guard: MotionGuard;
  readonly #log: Logger;
  #claim: MotionClaim | undefined;
  #running: RunningMotion | undefined;

  constructor(guard: MotionGuard, log: Logger) {
    this.#guard = guard;
    this.#log = log;
  }

  /** The command whose motion is running or about to start. */
  get name(): string | undefined {
    return this.#claim?.name ?? this.#running?.name;
  }

  /** Takes the right to move. If an earlier command of this name has not started its motion yet, it loses the right. */
  claim(name: string): MotionClaim {
    this.#claim = { name };
    return this.#claim;
  }

  /** Gives the right back. Must be called if the command ends without starting a motion. */
  release(claim: MotionClaim): void {
    if (this.#claim === claim) this.#claim = undefined;
  }

  /**
   * Starts the motion and replaces a running motion of the same name.
   * @param begin publishes the motion.
   * @throws Error with the reason if the guard refuses the motion or a stop arrives first, or the error that `begin` throws.
   */
  async begin(claim: MotionClaim, durationMs: number, brakes: Brakes, begin: () => void): Promise<void> {
    let armed: Armed;
    const requestedMs = performance.now();
    try {
      armed = await this.#guard.arm(durationMs, brakes.topics);
    } catch (error) {
      this.release(claim);
      throw error;
    }
    if (this.#claim !== claim) {
      if (!this.#running) armed.disarm();
      throw new Error('it was stopped or replaced before it started');
    }
    this.#claim = undefined;
    clearTimeout(this.#running?.timer);
    const timer = setTimeout(() => this.#end(), durationMs);
    this.#running = { ...claim, ...brakes, timer, armed };
    try {
      begin();
    } catch (error) {
      this.halt('it could not be published');
      throw error;
    }
    // If this process stalled between the guard's answer and the motion's start, the guard's supervision may already have ended.
    if (performance.now() - requestedMs > durationMs) this.halt('the agent stalled while the motion started');
  }

  /** Records that a motion has ended, because its command ended it or a confirmation shows that it ended by itself. */
  finish(name: string): void {
    if (this.#running?.name === name) this.#finish(this.#running);
  }

  /** Ends the running motion and revokes the claim of a motion that is about to start. */
  halt(reason: string): void {
    this.#claim = undefined;
    const motion = this.#running;
    if (!motion) return;
    this.#log.warn({ event: 'motion_halted', command: motion.name, reason }, `${motion.name} was ended: ${reason}`);
    this.#publish([motion.zero, motion.stop]);
    this.#finish(motion);
  }

  #end(): void {
    const motion = this.#running;
    if (!motion) return;
    this.#publish([motion.topics.length > 0 ? motion.zero : motion.stop]);
    this.#finish(motion);
  }

  /** Publishes the end of a motion. If that fails, the guard must publish the stop through its own ROS node. */
  #publish(brakes: readonly (() => void)[]): void {
    for (const brake of brakes) {
      try {
        brake();
      } catch (error) {
        this.#log.error({ event: 'stop_not_published', err: error }, `the end of a motion was not published: ${messageOf(error)}`);
        this.#guard.trip();
      }
    }
  }

  #finish(motion: RunningMotion): void {
    clearTimeout(motion.timer);
    this.#running = undefined;
    motion.armed.disarm();
  }
}
