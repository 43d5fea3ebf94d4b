// Opens the agent's outbox, detects damage to its file, and runs its maintenance every minute. Problems are logged and appended as rows.
import { join } from 'node:path';
import { every, messageOf, type Ticker } from '../../base/index.ts';
import type { Logger } from '../../logs/index.ts';
import {
  type Carried,
  inspectOutboxFile,
  isCorruption,
  OUTBOX_FILE,
  type OutboxMetrics,
  openOutbox,
  suspect,
  type WaitingRow,
} from '../../outbox/index.ts';
import { SAVED_EVERY_MS, type Storage } from '../../state/index.ts';
import { Problems, type StandingProblem } from '../../status/index.ts';
import type { Parts } from '../lifecycle/parts.ts';
import { rowsBytes } from '../uploads/uploads.ts';

export interface QueueParts extends Pick<Parts, 'config' | 'storage' | 'clock' | 'lifetime' | 'damage' | 'log'> {
  readonly metrics: OutboxMetrics;
  /** Rows that the previous agent could not write to the database. */
  readonly adopted: readonly WaitingRow[];
  /** Describes files that were deleted or replaced under the previous agent. */
  readonly lost?: string | undefined;
}

export type Queue = Pick<Parts, 'db' | 'outbox' | 'problems'>;

/** @throws AgentError if the file cannot be opened, repaired or written to. */
export function openQueue({ config, storage, clock, lifetime, metrics, damage, log, adopted, lost }: QueueParts): Queue {
  const maxBytes = storage.atMost(rowsBytes(config));
  const opened = openOutbox({
    stateDir: storage.folder,
    maxBytes,
    carried: carriedFrom(storage, maxBytes),
    isVolatile: storage.failure !== undefined,
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
  storage.settled();
  problems.set('outbox_damaged', [lost, opened.damage].filter(Boolean).join('; ') || undefined);
  problems.set('storage_failed', storage.failure && `${storage.home}: ${storage.failure}; the state is in ${storage.folder}, in memory`);
  return { db, outbox, problems };
}

/** In the stand-in, the carried rows must leave space for new ones. */
function carriedFrom({ other }: Storage, maxBytes: number): Carried | undefined {
  return other && { file: join(other.folder, OUTBOX_FILE), ends: other.ends, maxBytes: other.ends ? maxBytes : maxBytes / 2 };
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

/**
 * Records that the outbox file may be damaged. The record is a file, so that whichever process starts next finds it and repairs the outbox.
 */
export class DamageWatch {
  readonly #stateDir: string;
  readonly #log: Logger;
  readonly #onDamage: () => void;

  /** @param onDamage must start the agent again, because startup repairs the file. */
  constructor(stateDir: string, log: Logger, onDamage: () => void) {
    this.#stateDir = stateDir;
    this.#log = log;
    this.#onDamage = onDamage;
  }

  /** @returns whether the error means that the file is damaged. If so, this has been recorded. */
  recordIfDamage(error: unknown): boolean {
    const isDamage = isCorruption(error);
    if (isDamage) this.#mark(messageOf(error));
    return isDamage;
  }

  /** Checks every page of the file in the background. @returns a function that ends the check early. */
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

export type MaintenanceParts = Pick<
  Parts,
  'config' | 'outbox' | 'journal' | 'lifetime' | 'clock' | 'uplink' | 'problems' | 'logFile' | 'damage' | 'log'
>;

/** Every minute, deletes old rows, command ids and log files, and saves what the next run needs. */
export function startMaintenance(parts: MaintenanceParts): Ticker {
  const { config, outbox, journal, lifetime, clock, uplink, problems, logFile, damage, log } = parts;
  return every(SAVED_EVERY_MS, () => {
    try {
      outbox.maintain(config.outbox.max_age);
      journal.forgetOld();
      lifetime.setAccepted(outbox.id, outbox.accepted);
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
