// Runs the robots' minutes on a simulated clock, which stands still while the cloud is too far behind. A broker keeps only so much.
import { setTimeout as sleep } from 'node:timers/promises';
import type { FleetOptions } from './options.ts';
import { FleetRobot, MINUTE_MS, type Outgoing } from './robot.ts';
import { type FleetWorld, TELEMETRY_EVERY_MS } from './world.ts';

const TICK_MS = 20;
const LOOK_MS = 500;
/**
 * The cloud may be behind by a share of a minute's rows, or by this many rows. A robot repeats rows that took a simulated minute.
 */
const LAG_SHARE = 0.25;
const LEAST_LAG = 2_000;
/** One in so many robots, and at least one, sends nothing after a third of the time. */
const QUIET_EVERY = 1_000;

export class Simulation {
  readonly robots: FleetRobot[];
  readonly counts = { messages: 0, repeats: 0, bytes: 0 };
  /** Seconds for which the clock stood still. */
  stalledS = 0;
  quietSinceMs = Number.POSITIVE_INFINITY;
  #simulatedMs = 0;
  /** The next step: minute times robots plus robot. */
  #next = 0;
  #accepted = 0;
  #lag = 0;
  #failure: Error | null = null;
  readonly #byOutbox: Map<string, FleetRobot>;
  readonly #world: FleetWorld;
  readonly #options: FleetOptions;
  readonly #stop: AbortSignal | undefined;

  constructor(world: FleetWorld, options: FleetOptions, stop?: AbortSignal) {
    this.#stop = stop;
    this.#world = world;
    this.#options = options;
    const { robots, minutes, readings, speed } = options;
    const startedAt = Date.now() - minutes * MINUTE_MS;
    this.robots = Array.from({ length: robots }, (_, index) => {
      const isQuiet = index % QUIET_EVERY === QUIET_EVERY - 1 || index === robots - 1;
      const endMinute = isQuiet ? Math.max(2, Math.floor(minutes / 3)) : minutes;
      const fallMinute = index % (endMinute - 1);
      return new FleetRobot({ index, readings, startedAt, telemetryEveryMs: TELEMETRY_EVERY_MS / speed, fallMinute, endMinute });
    });
    this.#byOutbox = new Map(this.robots.map((robot) => [robot.outbox, robot]));
  }

  isQuiet(robot: FleetRobot): boolean {
    return robot.endMinute < this.#options.minutes;
  }

  async connect(): Promise<void> {
    await this.#world.connect((receipt) => {
      const robot = this.#byOutbox.get(receipt.outbox);
      try {
        for (const out of robot?.receive(receipt, this.#simulatedMs) ?? []) this.#send(out);
      } catch (error) {
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
      }
    });
  }

  get minute(): number {
    return this.#simulatedMs / MINUTE_MS;
  }

  get unsettled(): number {
    return this.robots.filter((robot) => !robot.isSettled).length;
  }

  /** Runs until the simulated minute. @throws after a false receipt or a lost connection. */
  async until(minute: number): Promise<void> {
    await this.#run(() => this.minute >= minute);
  }

  /** Runs until receipts cover all rows. Robots ask with presences, and repeat what is due. */
  async settle(patienceMs: number): Promise<void> {
    const deadline = performance.now() + patienceMs;
    await this.#run(() => this.unsettled === 0 || performance.now() > deadline);
  }

  async #run(isDone: () => boolean): Promise<void> {
    let lastMs = performance.now();
    let lookedMs = Number.NEGATIVE_INFINITY;
    while (!isDone()) {
      this.#stop?.throwIfAborted();
      if (this.#failure) throw this.#failure;
      const nowMs = performance.now();
      if (nowMs - lookedMs > LOOK_MS) {
        this.#lag = this.#accepted - (await this.#world.known());
        lookedMs = performance.now();
      }
      const passedMs = Math.min(nowMs - lastMs, LOOK_MS);
      lastMs = nowMs;
      const { robots, readings, minutes, speed } = this.#options;
      const isBehind = this.minute < minutes && this.#lag > Math.max(LEAST_LAG, robots * readings * LAG_SHARE);
      if (isBehind) this.stalledS += passedMs / 1_000;
      else this.#advance(passedMs * speed);
      await sleep(TICK_MS);
    }
  }

  #advance(ms: number): void {
    this.#simulatedMs += ms;
    const { robots, minutes } = this.#options;
    for (; ; this.#next++) {
      const dueMs = (this.#next / robots) * MINUTE_MS;
      if (dueMs > this.#simulatedMs) return;
      const robot = this.robots[this.#next % robots];
      const minute = Math.floor(this.#next / robots);
      if (!robot) return;
      if (robot.endMinute === minute && minute < minutes) this.quietSinceMs = performance.now();
      const before = robot.accepted;
      for (const out of robot.minute(minute, dueMs)) this.#send(out);
      this.#accepted += robot.accepted - before;
    }
  }

  #send(out: Outgoing): void {
    this.counts.messages++;
    this.counts.bytes += out.payload.length;
    if (out.isRepeat) this.counts.repeats++;
    this.#world.publish(out).then(
      () => out.acknowledged(this.#simulatedMs),
      (error: unknown) => {
        this.#failure ??= new Error(`a robot lost its connection: ${String(error)}`);
      },
    );
  }
}
