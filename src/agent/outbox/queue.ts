// Opens the agent's outbox, detects damage of its file, and maintains it once a minute. Problems are reported in the log and as rows.
import { every, messageOf, type Ticker } from '../../base/index.ts';
import type { Logger } from '../../logs/index.ts';
import { inspectOutboxFile, isCorruption, type OutboxMetrics, openOutbox, suspect, type WaitingRow } from '../../outbox/index.ts';
import { Problems, type StandingProblem } from '../../status/index.ts';
import type { Parts } from '../lifecycle/parts.ts';
import { rowsBytes } from '../uploads/uploads.ts';

export interface QueueParts extends Pick<Parts, 'config' | 'clock' | 'lifetime' | 'damage' | 'log'> {
  readonly metrics: OutboxMetrics;
  /** Rows that the previous agent could not write. */
  readonly adopted: readonly WaitingRow[];
}

export type Queue = Pick<Parts, 'db' | 'outbox' | 'problems'>;

/** @throws AgentError if the file cannot be opened, repaired or written. */
export function openQueue({ config, clock, lifetime, metrics, damage, log, adopted }: QueueParts): Queue {
  const opened = openOutbox({
    stateDir: config.state_dir,
    maxBytes: rowsBytes(config),
    clock,
    lifetime,
    groupMs: config.outbox.group,
    metrics,
    adopted,
    onTrouble: (error) => {
      if (!damage.recordIfDamage(error)) problems.set('outbox_unwritable', error ? messageOf(error) : undefined);
    },
  });
  const { db, outbox } = opened;
  const problems = new Problems(
    () => clock.mono(),
    (state, problem) => reportProblem({ outbox, log }, state, problem),
  );
  problems.set('outbox_damaged', opened.damage);
  return { db, outbox, problems };
}

function reportProblem({ outbox, log }: Pick<Parts, 'outbox' | 'log'>, state: 'raised' | 'cleared', problem: StandingProblem): void {
  const { code, severity, text, remedy, subject } = problem;
  const level = state === 'cleared' ? 'info' : severity === 'warning' || severity === 'info' ? 'warn' : 'error';
  log[level](
    { event: `problem_${state}`, code, subject, remedy },
    state === 'raised' ? `${text}; ${remedy}` : `the problem ended: ${text}`,
  );
  outbox.append({ class: 'event', body: { kind: 'problem', code, severity, state, text } });
}

/** Marks an outbox file that may be damaged. The mark is a file, so the next start of any process finds it and repairs the outbox. */
export class DamageWatch {
  readonly #stateDir: string;
  readonly #log: Logger;
  readonly #onDamage: () => void;

  /** @param onDamage has to start the agent again: the start repairs the file. */
  constructor(stateDir: string, log: Logger, onDamage: () => void) {
    this.#stateDir = stateDir;
    this.#log = log;
    this.#onDamage = onDamage;
  }

  /** Marks the file if the error means that it is damaged. @returns whether the error means this. */
  recordIfDamage(error: unknown): boolean {
    const isDamage = isCorruption(error);
    if (isDamage) this.#mark(messageOf(error));
    return isDamage;
  }

  /** Checks every page of the file in the background. @returns a function that ends the inspection early. */
  inspect(): () => void {
    const ending = new AbortController();
    inspectOutboxFile(this.#stateDir, ending.signal).then(
      (damage) => {
        if (damage !== undefined) this.#mark(damage);
      },
      (error: unknown) => this.#log.warn({ event: 'inspection_failed', err: error }, 'the outbox file could not be checked'),
    );
    return () => ending.abort();
  }

  #mark(damage: string): void {
    this.#log.error(
      { event: 'outbox_suspect' },
      `the outbox file in ${this.#stateDir} may be damaged: ${damage}; the agent checks and repairs it now`,
    );
    try {
      suspect(this.#stateDir, damage);
    } catch (error) {
      this.#log.error({ event: 'outbox_suspect_unwritten', err: error }, 'the mark for the damaged outbox file could not be written');
    }
    this.#onDamage();
  }
}

const MAINTAIN_EVERY_MS = 60_000;

export type MaintenanceParts = Pick<
  Parts,
  'config' | 'outbox' | 'journal' | 'lifetime' | 'clock' | 'uplink' | 'problems' | 'logFile' | 'damage' | 'log'
>;

/** Removes old rows, command ids and log files, and saves the data that the next start needs. */
export function startMaintenance(parts: MaintenanceParts): Ticker {
  const { config, outbox, journal, lifetime, clock, uplink, problems, logFile, damage, log } = parts;
  return every(MAINTAIN_EVERY_MS, () => {
    try {
      outbox.maintain(config.outbox.max_age);
      journal.forgetOld();
      lifetime.save(clock.mono());
      uplink.save();
    } catch (error) {
      damage.recordIfDamage(error);
      log.error({ event: 'maintenance_failed', err: error }, 'the maintenance of the outbox failed; the agent tries again in a minute');
    }
    logFile.maintain();
    problems.set('logs_unwritable', logFile.trouble);
  });
}
