// The agent's outbox and its problems. A problem is logged, and is a row of the outbox too.
import { messageOf } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Config } from '../../config/index.ts';
import type { Logger } from '../../logs/index.ts';
import { type Db, type Outbox, type OutboxMetrics, openOutbox, type WaitingRow } from '../../outbox/index.ts';
import type { Lifetime } from '../../state/index.ts';
import { Problems, type StandingProblem } from '../../status/index.ts';
import { rowsBytes } from '../uploads/uploads.ts';
import type { DamageWatch } from './damage.ts';

export interface QueueParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  readonly metrics: OutboxMetrics;
  readonly damage: DamageWatch;
  readonly log: Logger;
  /** Rows that the agent before this one could not write. */
  readonly adopted: readonly WaitingRow[];
}

export interface Queue {
  readonly db: Db;
  readonly outbox: Outbox;
  readonly problems: Problems;
}

/** @throws AgentError if the file can't be opened, repaired or written. */
export function openQueue({ config, clock, lifetime, metrics, damage, log, adopted }: QueueParts): Queue {
  const {
    outbox,
    db,
    damage: found,
  } = openOutbox({
    stateDir: config.state_dir,
    maxBytes: rowsBytes(config),
    clock,
    lifetime,
    groupMs: config.outbox.group,
    metrics,
    adopted,
    onTrouble: (error) => {
      if (damage.sees(error)) return;
      if (error) problems.raise('outbox_unwritable', messageOf(error));
      else problems.clear('outbox_unwritable');
    },
  });
  const problems = new Problems(
    () => clock.mono(),
    (state, problem) => report({ outbox, log }, state, problem),
  );
  if (found) problems.raise('outbox_damaged', found);
  return { db, outbox, problems };
}

/** Problems are logged, and go to the cloud as events. */
function report({ outbox, log }: { outbox: Outbox; log: Logger }, state: 'raised' | 'cleared', problem: StandingProblem): void {
  const { code, severity, text, remedy, subject } = problem;
  const level = state === 'cleared' ? 'info' : severity === 'warning' || severity === 'info' ? 'warn' : 'error';
  log[level]({ event: `problem_${state}`, code, subject, remedy }, state === 'raised' ? `${text}; ${remedy}` : `over: ${text}`);
  outbox.append({ class: 'event', body: { kind: 'problem', code, severity, state, text } });
}
