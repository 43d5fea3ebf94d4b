// One motion at a time. Each motion ends: by its duration, a stop, a lost link, the agent's end, or the guard. A motion starts only
// after the guard, a process of its own, confirmed that it will end the motion if this process can't.
import type { Logger } from 'pino';
import { messageOf } from '../base/index.ts';

/** The process that publishes the stop if this one dies, is suspended or stalls during a motion. */
export interface MotionGuard {
  /** Why no motion may start: the guard is missing, or finds no subscriber; undefined if it is ready. */
  readonly missing: string | undefined;
  /** Resolves once the guard supervises a motion of this length in milliseconds on these topics; rejects with the reason if it refuses. */
  arm(durationMs: number, topics: readonly string[]): Promise<Armed>;
  /** Makes the guard publish the stop now. */
  trip(): void;
}

export interface Armed {
  /** Reports the end of the motion; has no effect if a later motion was armed meanwhile. */
  disarm(): void;
}

/** Ways to end a running motion. */
export interface Brakes {
  /** Publishes zero velocity on the motion's topics; does nothing for a motion that the robot plans itself. */
  readonly zero: () => void;
  /** Publishes the stop command's messages: zero velocity, and the cancellation of goals. */
  readonly stop: () => void;
  /** Topics for zero velocity. Empty for a motion that the robot plans itself, whose goal must be cancelled. */
  readonly topics: readonly string[];
}

/** The right to move, held from admission on. */
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

  /** The command that moves the robot or is about to. */
  get name(): string | undefined {
    return this.#claim?.name ?? this.#running?.name;
  }

  get missing(): string | undefined {
    return this.#guard.missing;
  }

  /** Takes the right to move; an earlier command of the same name that has not started loses it. */
  claim(name: string): MotionClaim {
    const turn = { name };
    this.#claim = turn;
    return turn;
  }

  isCurrent(turn: MotionClaim): boolean {
    return this.#claim === turn;
  }

  /** The command ends without a motion. */
  release(turn: MotionClaim): void {
    if (this.#claim === turn) this.#claim = undefined;
  }

  /**
   * Starts the motion; it replaces a running one of the same name.
   * @param begin publishes the motion.
   * @throws Error with the reason if the guard refuses or a stop came first; or the error of `begin`.
   */
  async begin(turn: MotionClaim, durationMs: number, brakes: Brakes, begin: () => void): Promise<void> {
    let armed: Armed;
    const askedMs = performance.now();
    try {
      armed = await this.#guard.arm(durationMs, brakes.topics);
    } catch (error) {
      this.release(turn);
      throw error;
    }
    if (this.#claim !== turn) {
      if (!this.#running) armed.disarm();
      throw new Error('it was stopped or replaced before it started');
    }
    this.#claim = undefined;
    clearTimeout(this.#running?.timer);
    const timer = setTimeout(() => this.#end(), durationMs);
    this.#running = { ...turn, ...brakes, timer, armed };
    try {
      begin();
    } catch (error) {
      this.halt('it could not be published');
      throw error;
    }
    // If this process stalled between the guard's answer and the motion, the guard's supervision has already ended.
    if (performance.now() - askedMs > durationMs) this.halt('the agent stalled while the motion started');
  }

  /** The motion is over: its command ended it, or a confirmation shows its end. */
  over(name: string): void {
    if (this.#running?.name === name) this.#finish(this.#running);
  }

  /** Ends the running motion, and revokes the claim of one that is about to start. */
  halt(why: string): void {
    this.#claim = undefined;
    const motion = this.#running;
    if (!motion) return;
    this.#log.warn({ event: 'motion_halted', command: motion.name, reason: why }, `${motion.name} was ended: ${why}`);
    this.#publish([motion.zero, motion.stop]);
    this.#finish(motion);
  }

  #end(): void {
    const motion = this.#running;
    if (!motion) return;
    this.#publish([motion.topics.length > 0 ? motion.zero : motion.stop]);
    this.#finish(motion);
  }

  /** If publishing fails here, the guard's own node must do it. */
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
