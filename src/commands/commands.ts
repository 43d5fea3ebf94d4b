// Runs admitted commands, at most once each: the start is on disk before the ROS message exists. Every id gets one result. A stop
// alone goes ahead of everything that waits, is published first and recorded after, and ends every motion.
import type { Logger } from 'pino';
import type { Clock } from '../clock/index.ts';
import { type CommandConfig, isVelocity, type OwnCommand, STOP } from '../config/index.ts';
import { messageOf } from '../errors.ts';
import type { CommandJournal, Outbox } from '../outbox/index.ts';
import type { HistogramStatus } from '../status/index.ts';
import { type AdmissionFacts, type Admitted, type Arrival, admit, isStop, type Refused, type Verdict } from './admit.ts';
import { Answers } from './answers.ts';
import type { Heard } from './conditions.ts';
import { Evidence } from './evidence.ts';
import { Inbox } from './inbox.ts';
import { type Brakes, Motion, type MotionGuard, type Turn } from './motion.ts';
import { type Outcome, Outlets, withClamped } from './outlets.ts';
import { type CommandPublisher, hasSubscribers, matched, patienceMs, publishAll } from './publish.ts';
import { Rates } from './rates.ts';
import type { Values } from './template.ts';

/** What the agent itself can do; what is missing here is refused. */
export type OwnWork = Partial<Record<OwnCommand, (values: Values) => Outcome | Promise<Outcome>>>;

export interface CommandsOptions {
  readonly thing: string;
  readonly commands: Readonly<Record<string, CommandConfig>>;
  /** For each command its publishers, in the order of its messages. */
  readonly publishers: ReadonlyMap<string, readonly CommandPublisher[]>;
  readonly outbox: Outbox;
  readonly journal: CommandJournal;
  readonly clock: Clock;
  readonly guard: MotionGuard;
  readonly own: OwnWork;
  /** A channel's latest value. */
  readonly heard: (channel: string) => Heard | undefined;
  /** How long the present connection to the broker has lasted; undefined where there is none. */
  readonly connectedForMs: () => number | undefined;
  readonly log: Logger;
}

interface Job {
  readonly arrival: Arrival;
  readonly receivedMs: number;
  /** How many stops had come before it. */
  readonly stops: number;
}

export class Commands {
  readonly #options: CommandsOptions;
  readonly #answers: Answers;
  readonly #outlets: Outlets;
  readonly #motion: Motion;
  readonly #evidence = new Evidence();
  readonly #rates: Rates;
  readonly #inbox = new Inbox<Job>((job) => this.#handle(job, false));
  readonly #running = new Set<Promise<void>>();
  readonly #startedMs: number;
  #stops = 0;
  #stopping = false;

  constructor(options: CommandsOptions) {
    this.#options = options;
    this.#startedMs = options.clock.mono();
    this.#outlets = new Outlets(options.publishers, options.commands[STOP], options.log);
    this.#answers = new Answers(options.outbox, options.journal, options.clock);
    this.#motion = new Motion(options.guard, options.log);
    this.#rates = new Rates(options.clock);
  }

  /** Answers for commands that an earlier run began and never ended: nobody knows, and nobody tries again. */
  start(): void {
    for (const { id, command } of this.#options.journal.unfinished()) {
      this.#answers.give(id, { command, status: 'unknown', detail: 'the agent ended while this command ran' });
    }
  }

  /** Ends every motion at once, and answers what waits. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.halt('the agent stops');
    for (const job of this.#inbox.clear()) this.#handle(job, false);
    this.#evidence.giveUp('the agent stopped first');
    await Promise.all(this.#running);
    this.#answers.finish();
  }

  /** Ends every motion, such as when the link to the broker is lost: a stop could not come any more. */
  halt(why: string): void {
    this.#stops++;
    const { name } = this.#motion;
    this.#motion.halt(why);
    if (name !== undefined) this.#evidence.giveUp(why, name);
  }

  counts(): Readonly<Record<string, number>> {
    return this.#answers.counts;
  }

  /** The command that moves the robot, or is about to. */
  get moving(): string | null {
    return this.#motion.name ?? null;
  }

  latency(): HistogramStatus {
    return this.#outlets.latency();
  }

  receive(arrival: Arrival): void {
    const job = { arrival, receivedMs: performance.now(), stops: this.#stops };
    if (isStop(arrival, this.#options)) this.#handle(job, false);
    else if (!this.#inbox.put(job)) this.#handle(job, true);
  }

  /** What shows whether a command worked. */
  evidence(command: string, value: unknown): void {
    this.#evidence.saw(command, value);
  }

  #handle(job: Job, flooded: boolean): 'ran' | 'refused' {
    let verdict: Verdict;
    try {
      verdict = admit(job.arrival, this.#facts(flooded));
    } catch (error) {
      // The journal can't be read: whether this command ran before is in doubt, so it does not run.
      this.#options.log.error({ event: 'command_not_checked', err: error }, 'a command was refused: the journal can’t be read');
      this.#answers.count('failed');
      return 'refused';
    }
    if (verdict.verdict === 'admitted') this.#run(verdict, job);
    else if (verdict.verdict === 'stop') this.#runStop(verdict, job);
    else if (verdict.verdict === 'refused') this.#refuse(verdict);
    else {
      this.#answers.count('duplicate');
      this.#options.log.info({ event: 'command_duplicate', id: verdict.id }, 'a command came twice and was not run again');
    }
    return verdict.verdict === 'admitted' ? 'ran' : 'refused';
  }

  #facts(flooded: boolean): AdmissionFacts {
    const { thing, commands, clock, heard, connectedForMs } = this.#options;
    const wallMs = clock.wall();
    const connectedFor = connectedForMs();
    return {
      thing,
      commands,
      clock: { wallMs, trusted: clock.trusted(), connectedAtMs: connectedFor === undefined ? undefined : wallMs - connectedFor },
      known: (id) => this.#answers.isTaken(id),
      recent: (name) => this.#rates.lastMinute(name),
      heard,
      moving: this.#motion.name,
      noMotion: this.#motion.missing,
      unable: (own) => this.unable(own),
      flooded,
      stopping: this.#stopping,
    };
  }

  /** Why the agent can't do this itself; undefined when it can. */
  unable(own: OwnCommand): string | undefined {
    return this.#options.own[own] ? undefined : `${own} is not set up on this robot`;
  }

  #runStop(stop: Admitted, { receivedMs }: Job): void {
    const outcome = this.#outlets.publish(stop, receivedMs);
    this.halt('a stop came');
    const { id } = stop;
    let isNew = true;
    try {
      isNew = id === undefined || !this.#answers.isTaken(id);
    } catch (error) {
      this.#options.log.error({ event: 'stop_not_recorded', id, err: error }, 'a stop was published, but the journal can’t be read');
    }
    if (isNew) this.#answers.give(id, { command: STOP, ...outcome });
    else this.#answers.count('duplicate');
  }

  #run(admitted: Admitted, job: Job): void {
    const { id, name, config } = admitted;
    this.#rates.count(name);
    this.#answers.take(id);
    const publishers = this.#outlets.of(name);
    if (!config.does && !admitted.motion && hasSubscribers(publishers)) {
      this.#publishOnce(admitted, job);
      return;
    }
    const running = this.#runWaiting(admitted, job)
      .catch((error: unknown) => this.#fail(admitted, error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** What has to wait first: for a subscriber, for the guard, or for the agent itself. */
  async #runWaiting(admitted: Admitted, job: Job): Promise<void> {
    const { name, config, motion } = admitted;
    if (config.does) return this.#runOwn(admitted, config.does);
    if (motion && job.stops !== this.#stops) return this.#turnAway(admitted, 'a stop came after it');
    const turn = motion?.begins ? this.#motion.claim(name) : undefined;
    const withinMs = patienceMs(admitted, this.#options.clock.mono() - this.#startedMs);
    const found = await matched(this.#outlets.of(name), withinMs, () => this.#stopping);
    if (turn && (!found || this.#stopping)) this.#motion.release(turn);
    if (this.#stopping) return this.#turnAway(admitted, 'the agent is stopping');
    if (!found) return this.#answer(admitted, { status: 'no_effect', detail: 'nothing on the robot subscribes to its topic' });
    if (turn && motion?.begins) return this.#move(admitted, job, turn, motion.durationMs);
    this.#publishOnce(admitted, job);
    if (motion) this.#motion.over(name);
  }

  async #runOwn({ id, name, values, clamped }: Admitted, own: OwnCommand): Promise<void> {
    if (!this.#begin(id, name)) return;
    const outcome = (await this.#options.own[own]?.(values)) ?? { status: 'failed' as const };
    this.#answers.give(id, { command: name, ...withClamped(outcome, clamped) });
  }

  async #move(admitted: Admitted, { receivedMs }: Job, turn: Turn, durationMs: number): Promise<void> {
    const { id, name, config, messages } = admitted;
    if (!this.#begin(id, name)) {
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

  #publishOnce(admitted: Admitted, { receivedMs }: Job): void {
    const { id, name } = admitted;
    if (this.#begin(id, name)) this.#conclude(admitted, this.#outlets.publish(admitted, receivedMs), () => {});
  }

  /** Records the start. @returns false where that is impossible: then the command is answered, and must not run. */
  #begin(id: string | undefined, name: string): boolean {
    try {
      this.#answers.begin(id, name);
      return true;
    } catch (error) {
      const { log } = this.#options;
      log.error({ event: 'command_not_recorded', id, command: name, err: error }, 'a command was not run: its start could not be written');
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

  #refuse({ id, name, status, reason, detail }: Refused): void {
    const result = { status, ...(name ? { command: name } : {}), ...(reason ? { reason } : {}), detail };
    const isAtOnce = this.#answers.refuse(id, result);
    this.#options.log[isAtOnce ? 'warn' : 'debug']({ event: 'command_refused', id, ...result }, 'a command was refused');
  }

  #answer({ id, name }: Admitted, outcome: Outcome): void {
    this.#answers.give(id, { command: name, ...outcome });
  }

  #turnAway(admitted: Admitted, detail: string): void {
    this.#answer(admitted, { status: 'rejected', reason: 'not_allowed', detail });
  }

  #fail({ id, name }: Admitted, error: unknown): void {
    this.#options.log.error({ event: 'command_failed', id, command: name, err: error }, `command ${name} failed`);
    this.#answers.give(id, { command: name, status: 'failed', detail: messageOf(error) });
  }
}
