// Handles each command from arrival to result: admits or refuses it, and runs it if it has been admitted. Each id gets at most one result.
// A stop overtakes all waiting commands.
import type { Logger } from 'pino';
import type { Clock } from '../clock/index.ts';
import { type BuiltinCommand, type CommandConfig, STOP } from '../config/index.ts';
import type { CommandJournal, Outbox } from '../outbox/index.ts';
import type { FamilyKeys } from '../signing/index.ts';
import type { HistogramStatus } from '../status/index.ts';
import { type AdmissionFacts, type Admitted, type Arrival, admit, isStop, type Refused, type Verdict } from './admit.ts';
import { type BuiltinActions, Executor, type Timing } from './executor.ts';
import { Inbox, RateLimiter } from './inbox.ts';
import { Motion, type MotionGuard } from './motion.ts';
import { type CommandPublisher, CommandPublishers } from './publishers.ts';
import { Results } from './results.ts';

interface CommandsOptions {
  readonly thing: string;
  readonly commands: Readonly<Record<string, CommandConfig>>;
  /** Each command's publishers, in the order of its configured messages. */
  readonly publishers: ReadonlyMap<string, readonly CommandPublisher[]>;
  readonly outbox: Outbox;
  readonly journal: CommandJournal;
  readonly clock: Clock;
  readonly guard: MotionGuard;
  readonly builtin: BuiltinActions;
  readonly latestValue: AdmissionFacts['latestValue'];
  /** Returns why no id can be recorded durably now, for example because the disk failed. Undefined if ids can be recorded. */
  readonly unrecordable?: () => string | undefined;
  /** Called with a text while more commands arrive than the robot can remember or answer, and with undefined afterwards. */
  readonly onFlood?: (text: string | undefined) => void;
  readonly familyKeys: Pick<FamilyKeys, 'read'>;
  /** How long the current broker connection has existed. Undefined if there is no connection. */
  readonly connectedForMs: () => number | undefined;
  readonly log: Logger;
}

interface Job extends Timing {
  readonly arrival: Arrival;
}

export class Commands {
  readonly #options: CommandsOptions;
  readonly #results: Results;
  readonly #publishers: CommandPublishers;
  readonly #motion: Motion;
  readonly #executor: Executor;
  readonly #rateLimiter: RateLimiter;
  readonly #inbox = new Inbox<Job>((job) => this.#handle(job, false));

  constructor(options: CommandsOptions) {
    this.#options = options;
    this.#publishers = new CommandPublishers(options.publishers, options.commands[STOP], options.log);
    this.#results = new Results(options.outbox, options.journal, options.clock, options.log, options.onFlood);
    this.#motion = new Motion(options.guard, options.log);
    this.#rateLimiter = new RateLimiter(options.clock);
    this.#executor = new Executor({ ...options, results: this.#results, publishers: this.#publishers, motion: this.#motion });
  }

  /** Reports `unknown` for each command that a previous run started but did not finish. Its effect is unknown, so it must not run again. */
  start(): void {
    for (const { id, command } of this.#options.journal.unfinished()) {
      this.#results.add(id, { command, status: 'unknown', detail: 'the agent ended while this command ran' });
    }
  }

  /** Ends every motion at once, then adds the results of all waiting commands. */
  async stop(): Promise<void> {
    this.#executor.beginStopping('the agent stops');
    for (const job of this.#inbox.clear()) this.#handle(job, false);
    await this.#executor.ended();
    this.#results.finish();
  }

  /** Ends every motion, for example if the broker connection is lost, because then no stop could reach the robot. */
  halt(reason: string): void {
    this.#executor.halt(reason);
  }

  counts(): Readonly<Record<string, number>> {
    return this.#results.counts;
  }

  /** The command whose motion is running or about to start. */
  get moving(): string | null {
    return this.#motion.name ?? null;
  }

  latency(): HistogramStatus {
    return this.#publishers.latency();
  }

  receive(arrival: Arrival): void {
    const job = { arrival, receivedMs: performance.now(), stops: this.#executor.stops };
    if (isStop(arrival, this.#options)) this.#handle(job, false);
    else if (!this.#inbox.put(job)) this.#handle(job, true);
  }

  /** Passes on a value received on a command's confirmation topic. */
  confirm(command: string, value: unknown): void {
    this.#executor.confirmations.add(command, value);
  }

  #handle(job: Job, flooded: boolean): 'ran' | 'refused' {
    let verdict: Verdict;
    try {
      verdict = admit(job.arrival, this.#facts(flooded));
    } catch (error) {
      // If the journal is unreadable, the agent cannot know whether this command has run before, so it must not run.
      this.#options.log.error({ event: 'command_not_checked', err: error }, 'a command was refused because the journal can’t be read');
      this.#results.count('failed');
      return 'refused';
    }
    if (verdict.verdict === 'admitted') {
      this.#rateLimiter.count(verdict.name);
      this.#logSigner(verdict);
      this.#executor.begin(verdict, job);
    } else if (verdict.verdict === 'stop') this.#executor.stop(verdict, job);
    else if (verdict.verdict === 'refused') this.#refuse(verdict);
    else {
      this.#results.count('duplicate');
      this.#options.log.info({ event: 'command_duplicate', id: verdict.id }, 'a repeated command was not run again');
    }
    return verdict.verdict === 'admitted' ? 'ran' : 'refused';
  }

  #logSigner({ id, name, signer }: Admitted): void {
    if (!signer) return;
    const fields = { event: 'command_signed', id, command: name, key: signer.kid };
    this.#options.log.info(fields, `${name} was signed with the key of ${signer.name}`);
  }

  #facts(flooded: boolean): AdmissionFacts {
    const { thing, commands, clock, latestValue, familyKeys, connectedForMs, unrecordable } = this.#options;
    const results = this.#results;
    const wallMs = clock.wall();
    const connectedFor = connectedForMs();
    return {
      thing,
      commands,
      clock: { wallMs, trusted: clock.trusted(), connectedAtMs: connectedFor === undefined ? undefined : wallMs - connectedFor },
      known: (id) => results.isAccepted(id),
      recent: (name) => this.#rateLimiter.lastMinute(name),
      latestValue,
      moving: this.#motion.name,
      noMotion: this.#options.guard.missing,
      familyKeys: () => familyKeys.read(),
      unable: (name) => this.unable(name),
      flooded,
      stopping: this.#executor.isStopping,
      completeForMs: results.completeForMs(),
      get unrecordable() {
        return unrecordable?.() ?? results.journalFull();
      },
    };
  }

  /** @returns the reason if the agent cannot execute this built-in command. */
  unable(name: BuiltinCommand): string | undefined {
    return this.#options.builtin[name] ? undefined : `${name} is not set up on this robot`;
  }

  #refuse({ id, name, status, reason, detail }: Refused): void {
    const result = { status, ...(name ? { command: name } : {}), ...(reason ? { reason } : {}), detail };
    const isAdded = this.#results.refuse(id, result);
    this.#options.log[isAdded ? 'warn' : 'debug']({ event: 'command_refused', id, ...result }, 'a command was refused');
  }
}
