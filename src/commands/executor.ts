// Runs admitted commands, each id at most once: the start must be on disk before the ROS message is published. Every command that starts
// gets exactly one result. Only a stop is published first and recorded afterwards. It ends every motion.
import type { Logger } from 'pino';
import { messageOf } from '../base/index.ts';
import type { Clock } from '../clock/index.ts';
import { type BuiltinCommand, isVelocity } from '../config/index.ts';
import type { Admitted } from './admit.ts';
import type { Values } from './arguments.ts';
import { Confirmations } from './confirmations.ts';
import type { Motion, MotionClaim } from './motion.ts';
import { type CommandPublishers, type Outcome, publishAll, withClamped } from './publishers.ts';
import type { Results } from './results.ts';
import { StopResults } from './stopResults.ts';

/** Actions that the agent itself executes. A command whose action is missing here is refused. */
export type BuiltinActions = Partial<Record<BuiltinCommand, (values: Values) => Outcome | Promise<Outcome>>>;

/** When a command arrived: its time, and its order relative to stops. */
export interface Timing {
  /** Arrival time by `performance.now()`. */
  readonly receivedMs: number;
  /** How many stops had arrived before this command. */
  readonly stops: number;
}

interface ExecutorParts {
  readonly builtin: BuiltinActions;
  readonly results: Results;
  readonly publishers: CommandPublishers;
  readonly motion: Motion;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Executor {
  readonly #parts: ExecutorParts;
  readonly confirmations = new Confirmations();
  readonly #running = new Set<Promise<void>>();
  readonly #startedMs: number;
  readonly #stopResults: StopResults;
  #stops = 0;
  #isStopping = false;

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
    this.#startedMs = parts.clock.mono();
    this.#stopResults = new StopResults(parts.results, parts.clock);
  }

  /** Number of stops and halts since startup. */
  get stops(): number {
    return this.#stops;
  }

  /** Whether the agent is stopping. If so, no command may start. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Ends every motion. After this call, no command starts. */
  beginStopping(reason: string): void {
    this.#isStopping = true;
    this.halt(reason);
  }

  /** Stops waiting for confirmations. Resolves once every running command has its result. */
  async ended(): Promise<void> {
    this.confirmations.cancel('the agent stopped first');
    await Promise.all(this.#running);
    this.#stopResults.finish();
  }

  halt(reason: string): void {
    this.#stops++;
    const { motion } = this.#parts;
    const { name } = motion;
    motion.halt(reason);
    if (name !== undefined) this.confirmations.cancel(reason, name);
  }

  /** Publishes the stop before touching the disk, so that it works even if the disk cannot be written to. */
  stop(stop: Admitted, { receivedMs }: Timing): void {
    const { publishers, results, log } = this.#parts;
    const outcome = publishers.publish(stop, receivedMs);
    this.halt('a stop arrived');
    const { id } = stop;
    let isNew = true;
    try {
      isNew = id === undefined || !results.isAccepted(id);
    } catch (error) {
      log.error({ event: 'stop_not_recorded', id, err: error }, 'a stop was published although the journal can’t be read');
    }
    if (isNew) this.#stopResults.add(id, outcome);
    else results.count('duplicate');
  }

  /** Starts a command. If it has nothing to wait for, it is published before this method returns. */
  begin(admitted: Admitted, timing: Timing): void {
    const { id, name, config } = admitted;
    const { results, publishers, log } = this.#parts;
    results.accept(id);
    if (!config.does && !admitted.motion && publishers.hasSubscribers(name)) {
      this.#publish(admitted, timing);
      return;
    }
    const running = this.#runWaiting(admitted, timing)
      .catch((error: unknown) => {
        log.error({ event: 'command_failed', id, command: name, err: error }, `command ${name} failed`);
        this.#report(admitted, { status: 'failed', detail: messageOf(error) });
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Runs a command that must wait for a subscriber, the guard, or an action of the agent itself. */
  async #runWaiting(admitted: Admitted, timing: Timing): Promise<void> {
    const { name, config, motion } = admitted;
    const { publishers, motion: motions, clock } = this.#parts;
    if (config.does) return this.#runBuiltin(admitted, config.does);
    if (motion && timing.stops !== this.#stops) return this.#reject(admitted, 'a stop arrived after it');
    const claim = motion?.begins ? motions.claim(name) : undefined;
    const isMatched = await publishers.matched(admitted, clock.mono() - this.#startedMs, () => this.#isStopping);
    if (claim && (!isMatched || this.#isStopping)) motions.release(claim);
    if (this.#isStopping) return this.#reject(admitted, 'the agent is stopping');
    if (!isMatched) return this.#report(admitted, { status: 'no_effect', detail: 'no node on the robot subscribes to its topic' });
    if (claim && motion?.begins) return this.#move(admitted, timing, claim, motion.durationMs);
    this.#publish(admitted, timing);
    if (motion) motions.finish(name);
  }

  async #runBuiltin(admitted: Admitted, action: BuiltinCommand): Promise<void> {
    if (!this.#record(admitted)) return;
    const outcome = (await this.#parts.builtin[action]?.(admitted.values)) ?? { status: 'failed' as const };
    this.#report(admitted, withClamped(outcome, admitted.clamped));
  }

  async #move(admitted: Admitted, { receivedMs }: Timing, claim: MotionClaim, durationMs: number): Promise<void> {
    const { name, config, messages } = admitted;
    const { motion, publishers } = this.#parts;
    if (!this.#record(admitted)) {
      motion.release(claim);
      return;
    }
    const all = publishers.publishersOf(name);
    const velocities = messages.flatMap(({ type, topic }, i) => (isVelocity(type) ? [{ topic, publisher: all[i], message: {} }] : []));
    const brakes = {
      topics: velocities.map(({ topic }) => topic),
      zero: () =>
        publishAll(
          velocities.map(({ publisher }) => publisher),
          velocities,
        ),
      stop: () => publishers.publishStop(),
    };
    let outcome: Outcome | undefined;
    try {
      await motion.begin(claim, durationMs, brakes, () => {
        outcome = publishers.publish(admitted, receivedMs);
        if (outcome.status === 'failed') throw new Error(outcome.detail);
      });
    } catch (error) {
      if (outcome) this.#report(admitted, outcome);
      else this.#reject(admitted, messageOf(error));
      return;
    }
    this.#conclude(admitted, outcome ?? { status: 'done' }, () => {
      if (config.confirm) motion.finish(name);
    });
  }

  #publish(admitted: Admitted, { receivedMs }: Timing): void {
    if (this.#record(admitted)) this.#conclude(admitted, this.#parts.publishers.publish(admitted, receivedMs), () => {});
  }

  /** Records the start on disk. @returns false if this failed. The command then already has its result and must not run. */
  #record(admitted: Admitted): boolean {
    const { id, name, validMs } = admitted;
    try {
      this.#parts.results.begin(id, name, validMs);
      return true;
    } catch (error) {
      const text = 'a command was not run because its start could not be written';
      this.#parts.log.error({ event: 'command_not_recorded', id, command: name, err: error }, text);
      this.#report(admitted, { status: 'failed', detail: 'the robot can’t write to its disk' });
      return false;
    }
  }

  /**
   * Adds the result now. If the published command needs a confirmation, adds it once the confirmation has arrived, timed out or been
   * cancelled.
   */
  #conclude(admitted: Admitted, outcome: Outcome, onConfirmed: () => void): void {
    const { name, config, values } = admitted;
    if (!config.confirm || outcome.status !== 'done') {
      this.#report(admitted, outcome);
      return;
    }
    this.confirmations.expect(name, config.confirm, values, (failure) => {
      if (failure === undefined) {
        onConfirmed();
        this.#report(admitted, outcome);
      } else {
        this.#report(admitted, { ...outcome, status: this.#isStopping ? 'unknown' : 'no_effect', detail: `published, but ${failure}` });
      }
    });
  }

  #report({ id, name }: Admitted, outcome: Outcome): void {
    this.#parts.results.add(id, { command: name, ...outcome });
  }

  #reject(admitted: Admitted, detail: string): void {
    this.#report(admitted, { status: 'rejected', reason: 'not_allowed', detail });
  }
}
