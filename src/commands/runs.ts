// Runs what was admitted, at most once each: the start is on disk before the ROS message exists, and every run ends in one result. A stop
// alone is published first and recorded after, and ends every motion.
import type { Logger } from 'pino';
import { messageOf } from '../base/index.ts';
import type { Clock } from '../clock/index.ts';
import { isVelocity, type OwnCommand, STOP } from '../config/index.ts';
import type { Admitted } from './admit.ts';
import type { Answers } from './answers.ts';
import { Evidence } from './evidence.ts';
import type { Brakes, Motion, Turn } from './motion.ts';
import { type Outcome, type Outlets, withClamped } from './outlets.ts';
import { hasSubscribers, matched, patienceMs, publishAll } from './publish.ts';
import type { Values } from './template.ts';

/** What the agent itself can do; what is missing here is refused. */
export type OwnWork = Partial<Record<OwnCommand, (values: Values) => Outcome | Promise<Outcome>>>;

/** What is asked for, and since when. */
export interface Order {
  /** By the process's own clock. */
  readonly receivedMs: number;
  /** How many stops had come before it. */
  readonly stops: number;
}

export interface RunsParts {
  readonly own: OwnWork;
  readonly answers: Answers;
  readonly outlets: Outlets;
  readonly motion: Motion;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Runs {
  readonly #own: OwnWork;
  readonly #answers: Answers;
  readonly #outlets: Outlets;
  readonly #motion: Motion;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #evidence = new Evidence();
  readonly #running = new Set<Promise<void>>();
  readonly #startedMs: number;
  #stops = 0;
  #stopping = false;

  constructor({ own, answers, outlets, motion, clock, log }: RunsParts) {
    this.#own = own;
    this.#answers = answers;
    this.#outlets = outlets;
    this.#motion = motion;
    this.#clock = clock;
    this.#log = log;
    this.#startedMs = clock.mono();
  }

  /** How many stops have come. */
  get stops(): number {
    return this.#stops;
  }

  /** Nothing begins any more. */
  get isStopping(): boolean {
    return this.#stopping;
  }

  /** From now on nothing begins, and what moves is halted. */
  beginStopping(why: string): void {
    this.#stopping = true;
    this.halt(why);
  }

  /** Resolves when the last run has its result. */
  async ended(): Promise<void> {
    this.#evidence.giveUp('the agent stopped first');
    await Promise.all(this.#running);
  }

  /** Ends every motion. */
  halt(why: string): void {
    this.#stops++;
    const { name } = this.#motion;
    this.#motion.halt(why);
    if (name !== undefined) this.#evidence.giveUp(why, name);
  }

  /** What shows whether a command worked. */
  evidence(command: string, value: unknown): void {
    this.#evidence.saw(command, value);
  }

  /** A stop: published whatever the disk says. */
  stop(stop: Admitted, { receivedMs }: Order): void {
    const outcome = this.#outlets.publish(stop, receivedMs);
    this.halt('a stop came');
    const { id } = stop;
    let isNew = true;
    try {
      isNew = id === undefined || !this.#answers.isTaken(id);
    } catch (error) {
      this.#log.error({ event: 'stop_not_recorded', id, err: error }, 'a stop was published, but the journal can’t be read');
    }
    if (isNew) this.#answers.give(id, { command: STOP, ...outcome });
    else this.#answers.count('duplicate');
  }

  /** Where nothing has to be waited for, it has been published when this returns. */
  begin(admitted: Admitted, order: Order): void {
    const { id, name, config } = admitted;
    this.#answers.take(id);
    const publishers = this.#outlets.of(name);
    if (!config.does && !admitted.motion && hasSubscribers(publishers)) {
      this.#publishOnce(admitted, order);
      return;
    }
    const running = this.#runWaiting(admitted, order)
      .catch((error: unknown) => this.#fail(admitted, error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** What has to wait first: for a subscriber, for the guard, or for the agent itself. */
  async #runWaiting(admitted: Admitted, order: Order): Promise<void> {
    const { name, config, motion } = admitted;
    if (config.does) return this.#runOwn(admitted, config.does);
    if (motion && order.stops !== this.#stops) return this.#turnAway(admitted, 'a stop came after it');
    const turn = motion?.begins ? this.#motion.claim(name) : undefined;
    const withinMs = patienceMs(admitted, this.#clock.mono() - this.#startedMs);
    const found = await matched(this.#outlets.of(name), withinMs, () => this.#stopping);
    if (turn && (!found || this.#stopping)) this.#motion.release(turn);
    if (this.#stopping) return this.#turnAway(admitted, 'the agent is stopping');
    if (!found) return this.#answer(admitted, { status: 'no_effect', detail: 'nothing on the robot subscribes to its topic' });
    if (turn && motion?.begins) return this.#move(admitted, order, turn, motion.durationMs);
    this.#publishOnce(admitted, order);
    if (motion) this.#motion.over(name);
  }

  async #runOwn({ id, name, values, clamped }: Admitted, own: OwnCommand): Promise<void> {
    if (!this.#record(id, name)) return;
    const outcome = (await this.#own[own]?.(values)) ?? { status: 'failed' as const };
    this.#answers.give(id, { command: name, ...withClamped(outcome, clamped) });
  }

  async #move(admitted: Admitted, { receivedMs }: Order, turn: Turn, durationMs: number): Promise<void> {
    const { id, name, config, messages } = admitted;
    if (!this.#record(id, name)) {
      this.#motion.release(turn);
      return;
    }
    const publishers = this.#outlets.of(name);
    const velocity = messages.flatMap(({ type, topic }, i) => (isVelocity(type) ? [{ topic, publisher: publishers[i] }] : []));
    const brakes: Brakes = {
      topics: velocity.map(({ topic }) => topic),
      zero: () =>
        publishAll(
          velocity.flatMap(({ publisher }) => publisher ?? []),
          velocity.map(() => ({})),
        ),
      stop: () => this.#outlets.publishStop(),
    };
    let outcome: Outcome | undefined;
    try {
      await this.#motion.begin(turn, durationMs, brakes, () => {
        outcome = this.#outlets.publish(admitted, receivedMs);
        if (outcome.status === 'failed') throw new Error(outcome.detail);
      });
    } catch (error) {
      if (outcome) this.#answer(admitted, outcome);
      else this.#turnAway(admitted, messageOf(error));
      return;
    }
    this.#conclude(admitted, outcome ?? { status: 'done' }, () => {
      if (config.confirm) this.#motion.over(name);
    });
  }

  #publishOnce(admitted: Admitted, { receivedMs }: Order): void {
    const { id, name } = admitted;
    if (this.#record(id, name)) this.#conclude(admitted, this.#outlets.publish(admitted, receivedMs), () => {});
  }

  /** Records the start. @returns false where that is impossible: then the command is answered, and must not run. */
  #record(id: string | undefined, name: string): boolean {
    try {
      this.#answers.begin(id, name);
      return true;
    } catch (error) {
      this.#log.error(
        { event: 'command_not_recorded', id, command: name, err: error },
        'a command was not run: its start could not be written',
      );
      this.#answers.give(id, { command: name, status: 'failed', detail: 'the robot can’t write to its disk' });
      return false;
    }
  }

  /** Answers at once, or once the evidence came or did not. */
  #conclude({ id, name, config, values }: Admitted, outcome: Outcome, seen: () => void): void {
    const { confirm } = config;
    if (!confirm || outcome.status !== 'done') {
      this.#answers.give(id, { command: name, ...outcome });
      return;
    }
    this.#evidence.expect(name, confirm, values, (whyNot) => {
      if (whyNot === undefined) {
        seen();
        this.#answers.give(id, { command: name, ...outcome });
      } else {
        const status = this.#stopping ? 'unknown' : 'no_effect';
        this.#answers.give(id, { ...outcome, command: name, status, detail: `published, but ${whyNot}` });
      }
    });
  }

  #answer({ id, name }: Admitted, outcome: Outcome): void {
    this.#answers.give(id, { command: name, ...outcome });
  }

  #turnAway(admitted: Admitted, detail: string): void {
    this.#answer(admitted, { status: 'rejected', reason: 'not_allowed', detail });
  }

  #fail({ id, name }: Admitted, error: unknown): void {
    this.#log.error({ event: 'command_failed', id, command: name, err: error }, `command ${name} failed`);
    this.#answers.give(id, { command: name, status: 'failed', detail: messageOf(error) });
  }
}
