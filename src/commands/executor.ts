// Runs admitted commands, each at most once: the start is on disk before the ROS message exists, and every run has one result. Only a
// stop is published first and recorded afterwards; it ends every motion.
import type { Logger } from 'pino';
import { messageOf } from '../base/index.ts';
import type { Clock } from '../clock/index.ts';
import { type BuiltinCommand, isVelocity, STOP } from '../config/index.ts';
import type { Admitted } from './admit.ts';
import { Confirmations } from './confirmations.ts';
import type { Brakes, Motion, MotionClaim } from './motion.ts';
import { hasSubscribers, matched, publishAll, subscriberWaitMs } from './publication.ts';
import { type CommandPublishers, type Outcome, withClamped } from './publishers.ts';
import type { Results } from './results.ts';
import type { Values } from './template.ts';

/** Actions of the agent itself; a command whose action is absent is refused. */
export type BuiltinActions = Partial<Record<BuiltinCommand, (values: Values) => Outcome | Promise<Outcome>>>;

/** When a command arrived, relative to the stops. */
export interface Timing {
  /** performance.now() of the arrival. */
  readonly receivedMs: number;
  /** Number of stops before this command. */
  readonly stops: number;
}

export interface ExecutorParts {
  readonly builtin: BuiltinActions;
  readonly results: Results;
  readonly publishers: CommandPublishers;
  readonly motion: Motion;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Executor {
  readonly #builtin: BuiltinActions;
  readonly #results: Results;
  readonly #publishers: CommandPublishers;
  readonly #motion: Motion;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #confirmations = new Confirmations();
  readonly #running = new Set<Promise<void>>();
  readonly #startedMs: number;
  #stops = 0;
  #stopping = false;

  constructor({ builtin, results, publishers, motion, clock, log }: ExecutorParts) {
    this.#builtin = builtin;
    this.#results = results;
    this.#publishers = publishers;
    this.#motion = motion;
    this.#clock = clock;
    this.#log = log;
    this.#startedMs = clock.mono();
  }

  /** Number of stops so far. */
  get stops(): number {
    return this.#stops;
  }

  /** No command starts any more. */
  get isStopping(): boolean {
    return this.#stopping;
  }

  /** From now on no command starts; running motions are halted. */
  beginStopping(why: string): void {
    this.#stopping = true;
    this.halt(why);
  }

  /** Resolves when the last running command has its result. */
  async ended(): Promise<void> {
    this.#confirmations.cancel('the agent stopped first');
    await Promise.all(this.#running);
  }

  /** Ends every motion. */
  halt(why: string): void {
    this.#stops++;
    const { name } = this.#motion;
    this.#motion.halt(why);
    if (name !== undefined) this.#confirmations.cancel(why, name);
  }

  /** A value on the confirmation topic of a command. */
  confirm(command: string, value: unknown): void {
    this.#confirmations.add(command, value);
  }

  /** Publishes a stop even if the disk can't be written. */
  stop(stop: Admitted, { receivedMs }: Timing): void {
    const outcome = this.#publishers.publish(stop, receivedMs);
    this.halt('a stop arrived');
    const { id } = stop;
    let isNew = true;
    try {
      isNew = id === undefined || !this.#results.isAccepted(id);
    } catch (error) {
      this.#log.error({ event: 'stop_not_recorded', id, err: error }, 'a stop was published although the journal can’t be read');
    }
    if (isNew) this.#results.add(id, { command: STOP, ...outcome });
    else this.#results.count('duplicate');
  }

  /** A command that need not wait is published before this returns. */
  begin(admitted: Admitted, order: Timing): void {
    const { id, name, config } = admitted;
    this.#results.accept(id);
    const publishers = this.#publishers.publishersOf(name);
    if (!config.does && !admitted.motion && hasSubscribers(publishers)) {
      this.#publishOnce(admitted, order);
      return;
    }
    const running = this.#runWaiting(admitted, order)
      .catch((error: unknown) => this.#fail(admitted, error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Runs a command that must wait for a subscriber, the guard, or an action of the agent. */
  async #runWaiting(admitted: Admitted, order: Timing): Promise<void> {
    const { name, config, motion } = admitted;
    if (config.does) return this.#runBuiltin(admitted, config.does);
    if (motion && order.stops !== this.#stops) return this.#reject(admitted, 'a stop arrived after it');
    const turn = motion?.begins ? this.#motion.claim(name) : undefined;
    const withinMs = subscriberWaitMs(admitted, this.#clock.mono() - this.#startedMs);
    const found = await matched(this.#publishers.publishersOf(name), withinMs, () => this.#stopping);
    if (turn && (!found || this.#stopping)) this.#motion.release(turn);
    if (this.#stopping) return this.#reject(admitted, 'the agent is stopping');
    if (!found) return this.#report(admitted, { status: 'no_effect', detail: 'no node on the robot subscribes to its topic' });
    if (turn && motion?.begins) return this.#move(admitted, order, turn, motion.durationMs);
    this.#publishOnce(admitted, order);
    if (motion) this.#motion.over(name);
  }

  async #runBuiltin({ id, name, values, clamped }: Admitted, action: BuiltinCommand): Promise<void> {
    if (!this.#record(id, name)) return;
    const outcome = (await this.#builtin[action]?.(values)) ?? { status: 'failed' as const };
    this.#results.add(id, { command: name, ...withClamped(outcome, clamped) });
  }

  async #move(admitted: Admitted, { receivedMs }: Timing, turn: MotionClaim, durationMs: number): Promise<void> {
    const { id, name, config, messages } = admitted;
    if (!this.#record(id, name)) {
      this.#motion.release(turn);
      return;
    }
    const publishers = this.#publishers.publishersOf(name);
    const velocity = messages.flatMap(({ type, topic }, i) => (isVelocity(type) ? [{ topic, publisher: publishers[i] }] : []));
    const brakes: Brakes = {
      topics: velocity.map(({ topic }) => topic),
      zero: () =>
        publishAll(
          velocity.flatMap(({ publisher }) => publisher ?? []),
          velocity.map(() => ({})),
        ),
      stop: () => this.#publishers.publishStop(),
    };
    let outcome: Outcome | undefined;
    try {
      await this.#motion.begin(turn, durationMs, brakes, () => {
        outcome = this.#publishers.publish(admitted, receivedMs);
        if (outcome.status === 'failed') throw new Error(outcome.detail);
      });
    } catch (error) {
      if (outcome) this.#report(admitted, outcome);
      else this.#reject(admitted, messageOf(error));
      return;
    }
    this.#conclude(admitted, outcome ?? { status: 'done' }, () => {
      if (config.confirm) this.#motion.over(name);
    });
  }

  #publishOnce(admitted: Admitted, { receivedMs }: Timing): void {
    const { id, name } = admitted;
    if (this.#record(id, name)) this.#conclude(admitted, this.#publishers.publish(admitted, receivedMs), () => {});
  }

  /** Records the start. @returns false if the journal can't be written; then the command has its result and must not run. */
  #record(id: string | undefined, name: string): boolean {
    try {
      this.#results.begin(id, name);
      return true;
    } catch (error) {
      this.#log.error(
        { event: 'command_not_recorded', id, command: name, err: error },
        'a command was not run because its start could not be written',
      );
      this.#results.add(id, { command: name, status: 'failed', detail: 'the robot can’t write to its disk' });
      return false;
    }
  }

  /** Adds the result now, or after the confirmation arrived or timed out. */
  #conclude({ id, name, config, values }: Admitted, outcome: Outcome, onConfirmed: () => void): void {
    const { confirm } = config;
    if (!confirm || outcome.status !== 'done') {
      this.#results.add(id, { command: name, ...outcome });
      return;
    }
    this.#confirmations.expect(name, confirm, values, (whyNot) => {
      if (whyNot === undefined) {
        onConfirmed();
        this.#results.add(id, { command: name, ...outcome });
      } else {
        const status = this.#stopping ? 'unknown' : 'no_effect';
        this.#results.add(id, { ...outcome, command: name, status, detail: `published, but ${whyNot}` });
      }
    });
  }

  #report({ id, name }: Admitted, outcome: Outcome): void {
    this.#results.add(id, { command: name, ...outcome });
  }

  #reject(admitted: Admitted, detail: string): void {
    this.#report(admitted, { status: 'rejected', reason: 'not_allowed', detail });
  }

  #fail({ id, name }: Admitted, error: unknown): void {
    this.#log.error({ event: 'command_failed', id, command: name, err: error }, `command ${name} failed`);
    this.#results.add(id, { command: name, status: 'failed', detail: messageOf(error) });
  }
}
