// Runs one motion at a time. Each motion ends: by its duration, a stop, a lost link, the agent's end, or the guard. The guard is a process
// of its own. A motion starts only after the guard confirmed that it will end the motion if this process can't.
import type { Logger } from 'pino';
import { messageOf } from '../base/index.ts';

/** The process that publishes the stop if this process dies, is suspended or stalls during a motion. */
export interface MotionGuard {
  /** A reason if no motion may start because the guard is missing. */
  readonly missing: string | undefined;
  /** Resolves when the guard supervises a motion of this duration on these topics. Rejects with the reason if the guard refuses. */
  arm(durationMs: number, topics: readonly string[]): Promise<Armed>;
  /** Makes the guard publish the stop now. */
  trip(): void;
}

export interface Armed {
  /** Reports the end of the motion. Has no effect if a later motion was armed meanwhile. */
  disarm(): void;
}

/** Ways to end a running motion. */
interface Brakes {
  /** Publishes zero velocity on the motion's topics. Does nothing for a motion that the robot plans itself. */
  readonly zero: () => void;
  /** Publishes the stop command's messages: zero velocity, and the cancellation of goals. */
  readonly stop: () => void;
  /** Topics for zero velocity. Empty for a motion that the robot plans itself, whose goal must be cancelled. */
  readonly topics: readonly string[];
}

/** The right to move. A command holds it from its admission to the start of its motion. */
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

  /** The command that moves the robot or will move it. */
  get name(): string | undefined {
    return this.#claim?.name ?? this.#running?.name;
  }

  /** Takes the right to move. An earlier command of the same name loses this right if its motion has not started. */
  claim(name: string): MotionClaim {
    this.#claim = { name };
    return this.#claim;
  }

  /** Returns the right of a command that ends without a motion. */
  release(claim: MotionClaim): void {
    if (this.#claim === claim) this.#claim = undefined;
  }

  /**
   * Starts the motion. It replaces a running motion of the same name.
   * @param begin publishes the motion.
   * @throws Error with the reason if the guard refuses the motion or a stop arrived first, or the error of `begin`.
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
    // If this process stalled between the guard's answer and the motion, the guard's supervision has already ended.
    if (performance.now() - requestedMs > durationMs) this.halt('the agent stalled while the motion started');
  }

  /** Records the end of a motion. Its command ended it, or a confirmation shows that it ended by itself. */
  finish(name: string): void {
    if (this.#running?.name === name) this.#finish(this.#running);
  }

  /** Ends the running motion, and revokes the claim of a motion that is about to start. */
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

  /** Publishes the end of a motion. If that fails, the guard publishes the stop through its own node. */
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
