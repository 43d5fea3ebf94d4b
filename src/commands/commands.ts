// Commands from their arrival to their answer: each is admitted or refused, what is admitted runs, every id gets one result. A stop
// goes ahead of everything that waits.
import type { Logger } from 'pino';
import type { Clock } from '../clock/index.ts';
import { type CommandConfig, type OwnCommand, STOP } from '../config/index.ts';
import type { CommandJournal, Outbox } from '../outbox/index.ts';
import type { HistogramStatus } from '../status/index.ts';
import { type AdmissionFacts, type Arrival, admit, isStop, type Refused, type Verdict } from './admit.ts';
import { Answers } from './answers.ts';
import type { Heard } from './conditions.ts';
import { Inbox } from './inbox.ts';
import { Motion, type MotionGuard } from './motion.ts';
import { Outlets } from './outlets.ts';
import type { CommandPublisher } from './publish.ts';
import { Rates } from './rates.ts';
import { type Order, type OwnWork, Runs } from './runs.ts';

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

interface Job extends Order {
  readonly arrival: Arrival;
}

export class Commands {
  readonly #options: CommandsOptions;
  readonly #answers: Answers;
  readonly #outlets: Outlets;
  readonly #motion: Motion;
  readonly #runs: Runs;
  readonly #rates: Rates;
  readonly #inbox = new Inbox<Job>((job) => this.#handle(job, false));

  constructor(options: CommandsOptions) {
    this.#options = options;
    this.#outlets = new Outlets(options.publishers, options.commands[STOP], options.log);
    this.#answers = new Answers(options.outbox, options.journal, options.clock);
    this.#motion = new Motion(options.guard, options.log);
    this.#rates = new Rates(options.clock);
    this.#runs = new Runs({ ...options, answers: this.#answers, outlets: this.#outlets, motion: this.#motion });
  }

  /** Answers for commands that an earlier run began and never ended: nobody knows, and nobody tries again. */
  start(): void {
    for (const { id, command } of this.#options.journal.unfinished()) {
      this.#answers.give(id, { command, status: 'unknown', detail: 'the agent ended while this command ran' });
    }
  }

  /** Ends every motion at once, and answers what waits. */
  async stop(): Promise<void> {
    this.#runs.beginStopping('the agent stops');
    for (const job of this.#inbox.clear()) this.#handle(job, false);
    await this.#runs.ended();
    this.#answers.finish();
  }

  /** Ends every motion, such as when the link to the broker is lost: a stop could not come any more. */
  halt(why: string): void {
    this.#runs.halt(why);
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
    const job = { arrival, receivedMs: performance.now(), stops: this.#runs.stops };
    if (isStop(arrival, this.#options)) this.#handle(job, false);
    else if (!this.#inbox.put(job)) this.#handle(job, true);
  }

  /** What shows whether a command worked. */
  evidence(command: string, value: unknown): void {
    this.#runs.evidence(command, value);
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
    if (verdict.verdict === 'admitted') {
      this.#rates.count(verdict.name);
      this.#runs.begin(verdict, job);
    } else if (verdict.verdict === 'stop') this.#runs.stop(verdict, job);
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
      stopping: this.#runs.isStopping,
    };
  }

  /** Why the agent can't do this itself; undefined when it can. */
  unable(own: OwnCommand): string | undefined {
    return this.#options.own[own] ? undefined : `${own} is not set up on this robot`;
  }

  #refuse({ id, name, status, reason, detail }: Refused): void {
    const result = { status, ...(name ? { command: name } : {}), ...(reason ? { reason } : {}), detail };
    const isAtOnce = this.#answers.refuse(id, result);
    this.#options.log[isAtOnce ? 'warn' : 'debug']({ event: 'command_refused', id, ...result }, 'a command was refused');
  }
}
