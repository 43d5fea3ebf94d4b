// Runs admitted commands, at most once each: the start is on disk before the ROS message exists. Every id gets one result.
import type { Logger } from 'pino';
import type { Clock } from '../clock/index.ts';
import type { CommandConfig } from '../config/index.ts';
import { messageOf } from '../errors.ts';
import type { CommandJournal, Outbox } from '../outbox/index.ts';
import type { AnnouncedCommand, ResultBody } from '../wire/index.ts';
import { type Admitted, type Arrival, admit, type Refused, type Verdict } from './admit.ts';
import { argumentSchema } from './arguments.ts';

/** What a command's ROS message goes out through; made once, at the start. */
export interface CommandPublisher {
  publish(message: Readonly<Record<string, unknown>>): void;
  readonly subscribers: number;
}

export interface CommandsOptions {
  readonly thing: string;
  readonly commands: Readonly<Record<string, CommandConfig>>;
  readonly publishers: ReadonlyMap<string, CommandPublisher>;
  readonly outbox: Outbox;
  readonly journal: CommandJournal;
  readonly clock: Clock;
  readonly log: Logger;
}

const MINUTE_MS = 60_000;

export class Commands {
  readonly #options: CommandsOptions;
  readonly #recent = new Map<string, number[]>();
  readonly #counts: Record<string, number> = {};
  /** Ids whose answer is appended but perhaps not committed yet. */
  readonly #answering = new Set<string>();

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  /** Answers for commands that an earlier run began and never ended: nobody knows, and nobody tries again. */
  start(): void {
    for (const { id, command } of this.#options.journal.unfinished()) {
      this.#answer({ kind: 'result', id, command, status: 'unknown', detail: 'the agent ended while this command ran' });
    }
  }

  /** How many results there were of each status since the start. */
  counts(): Readonly<Record<string, number>> {
    return this.#counts;
  }

  receive(arrival: Arrival): void {
    const { log } = this.#options;
    let verdict: Verdict;
    try {
      verdict = this.#admit(arrival);
    } catch (error) {
      // The journal can't be read: whether this command ran before is in doubt, so it does not run.
      log.error({ event: 'command_not_checked', err: error }, 'a command was refused: the journal of commands cannot be read');
      this.#count('failed');
      return;
    }
    if (verdict.verdict === 'admitted') this.#run(verdict);
    else if (verdict.verdict === 'refused') this.#refuse(verdict);
    else {
      this.#count('duplicate');
      log.info({ event: 'command_duplicate', id: verdict.id }, 'a command came twice and was not run again');
    }
  }

  #admit(arrival: Arrival): Verdict {
    const { thing, commands, clock, journal } = this.#options;
    return admit(arrival, {
      thing,
      commands,
      wallMs: clock.wall(),
      clockTrusted: clock.trusted(),
      known: (id) => this.#answering.has(id) || journal.find(id) !== undefined,
      recent: (name) => this.#recentOf(name).length,
    });
  }

  #run({ id, name, message, clamped }: Admitted): void {
    const { journal, clock, publishers, log } = this.#options;
    this.#recentOf(name).push(clock.mono());
    try {
      if (id !== undefined && !journal.begin(id, name, clock.wall())) return;
    } catch (error) {
      log.error({ event: 'command_not_recorded', id, command: name, err: error }, 'a command was not run: its start could not be written');
      if (id !== undefined)
        this.#answer({ kind: 'result', id, command: name, status: 'failed', detail: 'the robot cannot write to its disk' });
      return;
    }
    const outcome = publish(publishers.get(name), message, clamped);
    log.info({ event: 'command', id, command: name, status: outcome.status }, `command ${name}: ${outcome.status}`);
    if (id === undefined) this.#count(outcome.status);
    else this.#answer({ kind: 'result', id, command: name, ...outcome });
  }

  #refuse({ id, name, status, reason, detail }: Refused): void {
    this.#options.log.warn({ event: 'command_refused', id, command: name, status, reason, detail }, 'a command was refused');
    if (id === undefined) this.#count(status);
    else this.#answer({ kind: 'result', id, status, ...(name ? { command: name } : {}), ...(reason ? { reason } : {}), detail });
  }

  /** The result and the journal's entry are one transaction: an id is never answered twice, nor never. */
  #answer(result: ResultBody): void {
    const { outbox, journal, clock } = this.#options;
    this.#count(result.status);
    this.#answering.add(result.id);
    outbox.append({ class: 'result', body: result }, () => {
      journal.begin(result.id, result.command ?? '', clock.wall());
      journal.end(result.id, result);
      this.#answering.delete(result.id);
    });
  }

  #recentOf(name: string): number[] {
    const since = this.#options.clock.mono() - MINUTE_MS;
    const recent = (this.#recent.get(name) ?? []).filter((ms) => ms > since);
    this.#recent.set(name, recent);
    return recent;
  }

  #count(status: string): void {
    this.#counts[status] = (this.#counts[status] ?? 0) + 1;
  }
}

/** What the robot announces in its presence. */
export function announce(commands: Readonly<Record<string, CommandConfig>>): AnnouncedCommand[] {
  return Object.entries(commands).map(([name, config]) => ({ name, args: argumentSchema(config), motion: false }));
}

function publish(
  publisher: CommandPublisher | undefined,
  message: Record<string, unknown>,
  clamped: readonly string[],
): Pick<ResultBody, 'status' | 'reason' | 'detail' | 'applied'> {
  if (!publisher) return { status: 'failed', reason: 'ros_error', detail: 'ROS is not there' };
  try {
    publisher.publish(message);
  } catch (error) {
    return { status: 'failed', reason: 'ros_error', detail: messageOf(error).slice(0, 500) };
  }
  if (publisher.subscribers === 0) {
    return { status: 'no_effect', detail: 'published, but nothing on the robot subscribes to the topic', applied: message };
  }
  const detail = clamped.length > 0 ? { detail: `brought back into limits: ${clamped.join(', ')}` } : {};
  return { status: 'done', ...detail, applied: message };
}
