// One motion at a time, and each has an end: its duration, a stop, a lost link, the agent's own end, or the guard's. A motion begins
// only once the guard, a process of its own, has confirmed that it will end it if this one can't.
import type { Logger } from 'pino';
import { messageOf } from '../base/index.ts';

/** The process that publishes the stop when this one dies, is halted or stalls with a motion under way. */
export interface MotionGuard {
  /** Why no motion may begin: the guard is not there, or hears no robot; undefined when all is well. */
  readonly missing: string | undefined;
  /** Resolves once the guard watches over a motion of this length in milliseconds on these topics; rejects with why it does not. */
  arm(durationMs: number, topics: readonly string[]): Promise<Armed>;
  /** Lets the guard publish the stop now. */
  trip(): void;
}

export interface Armed {
  /** The motion is over; nothing happens where a later one was armed meanwhile. */
  disarm(): void;
}

/** How a motion that runs is ended. */
export interface Brakes {
  /** Zero velocity on the motion's own topics; nothing for a motion that the robot plans itself. */
  readonly zero: () => void;
  /** The stop command's messages: zero velocity and the cancelling of goals. */
  readonly stop: () => void;
  /** The topics zero velocity goes to. Without any the motion is one that the robot plans, and its goal has to be cancelled. */
  readonly topics: readonly string[];
}

/** The right to move, from admission on. */
export interface Turn {
  readonly name: string;
}

interface UnderWay extends Turn, Brakes {
  readonly timer: NodeJS.Timeout;
  readonly armed: Armed;
}

export class Motion {
  readonly #guard: MotionGuard;
  readonly #log: Logger;
  #turn: Turn | undefined;
  #underWay: UnderWay | undefined;

  constructor(guard: MotionGuard, log: Logger) {
    this.#guard = guard;
    this.#log = log;
  }

  /** The command that moves the robot, or is about to. */
  get name(): string | undefined {
    return this.#turn?.name ?? this.#underWay?.name;
  }

  get missing(): string | undefined {
    return this.#guard.missing;
  }

  /** Takes the right to move; an earlier command of the same name that has not begun loses it. */
  claim(name: string): Turn {
    const turn = { name };
    this.#turn = turn;
    return turn;
  }

  isCurrent(turn: Turn): boolean {
    return this.#turn === turn;
  }

  /** The command ends without having moved anything. */
  release(turn: Turn): void {
    if (this.#turn === turn) this.#turn = undefined;
  }

  /**
   * Begins the motion in place of the one of the same name that is under way.
   * @param begin publishes it.
   * @throws Error with why it did not begin: what the guard says, or that a stop came first; or what `begin` throws.
   */
  async begin(turn: Turn, durationMs: number, brakes: Brakes, begin: () => void): Promise<void> {
    let armed: Armed;
    const askedMs = performance.now();
    try {
      armed = await this.#guard.arm(durationMs, brakes.topics);
    } catch (error) {
      this.release(turn);
      throw error;
    }
    if (this.#turn !== turn) {
      if (!this.#underWay) armed.disarm();
      throw new Error('it was stopped, or taken over, before it began');
    }
    this.#turn = undefined;
    clearTimeout(this.#underWay?.timer);
    const timer = setTimeout(() => this.#end(), durationMs);
    this.#underWay = { ...turn, ...brakes, timer, armed };
    try {
      begin();
    } catch (error) {
      this.halt('it could not be published');
      throw error;
    }
    // This process stood still between the guard's word and the motion: the guard has already ended it, and watches no longer.
    if (performance.now() - askedMs > durationMs) this.halt('the agent stood still while it began');
  }

  /** The robot was told by the command itself that this motion is over, or evidence says that it is. */
  over(name: string): void {
    if (this.#underWay?.name === name) this.#letGo(this.#underWay);
  }

  /** Ends whatever moves, and whatever is about to. */
  halt(why: string): void {
    this.#turn = undefined;
    const motion = this.#underWay;
    if (!motion) return;
    this.#log.warn({ event: 'motion_halted', command: motion.name, reason: why }, `${motion.name} was ended: ${why}`);
    this.#publish([motion.zero, motion.stop]);
    this.#letGo(motion);
  }

  #end(): void {
    const motion = this.#underWay;
    if (!motion) return;
    this.#publish([motion.topics.length > 0 ? motion.zero : motion.stop]);
    this.#letGo(motion);
  }

  /** What ROS refuses here, the guard's own node has to do. */
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

  #letGo(motion: UnderWay): void {
    clearTimeout(motion.timer);
    this.#underWay = undefined;
    motion.armed.disarm();
  }
}
