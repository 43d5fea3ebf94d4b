// The outbox as the agent opens it: the file, mended where it has to be, its new id declared, and the problems, which are its rows too.
import { randomBytes } from 'node:crypto';
import { messageOf } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Config } from '../../config/index.ts';
import type { Logger } from '../../logs/index.ts';
import { type Db, Outbox, type OutboxFigures, openOutboxFile, Space, type WaitingRow } from '../../outbox/index.ts';
import type { Lifetime } from '../../state/index.ts';
import { Problems, type StandingProblem } from '../../status/index.ts';
import { rowsBytes } from '../uploads/uploads.ts';
import { withRoom } from './ballast.ts';
import type { DamageWatch } from './damage.ts';

export interface QueueParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  readonly metrics: OutboxFigures;
  readonly damage: DamageWatch;
  readonly log: Logger;
  /** What an agent before this one could not write any more. */
  readonly adopted: readonly WaitingRow[];
}

export interface Queue {
  readonly db: Db;
  readonly outbox: Outbox;
  readonly problems: Problems;
}

/** @throws AgentError where the file can't be opened, mended or written. */
export function openQueue({ config, clock, lifetime, metrics, damage, log, adopted }: QueueParts): Queue {
  const { state_dir: stateDir } = config;
  const id = randomBytes(12).toString('base64url');
  const opened = withRoom(stateDir, () => openOutboxFile(stateDir, rowsBytes(config), lifetime.outboxes, id));
  const { db } = opened;
  try {
    const outbox: Outbox = new Outbox({
      db,
      space: new Space(db, stateDir, rowsBytes(config)),
      clock,
      lifetime,
      id,
      groupMs: config.outbox.group,
      figures: metrics,
      onTrouble: (error) => {
        if (damage.sees(error)) return;
        if (error) problems.raise('outbox_unwritable', messageOf(error));
        else problems.clear('outbox_unwritable');
      },
    });
    const problems = new Problems(
      () => clock.mono(),
      (state, problem) => tell({ outbox, log }, state, problem),
    );
    withRoom(stateDir, () => outbox.start());
    // Declared on disk before the lost ones are forgotten: a kill in between must not make them vanish without a word.
    for (const body of opened.closed) outbox.append({ class: 'event', body });
    withRoom(stateDir, () => outbox.settle());
    withRoom(stateDir, () => lifetime.openedOutbox(id, outbox.owed(), clock.mono()));
    outbox.keepBallast();
    outbox.adopt(adopted);
    if (opened.damage) problems.raise('outbox_damaged', opened.damage);
    return { db, outbox, problems };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Problems are logged, and go to the cloud as events. */
function tell({ outbox, log }: { outbox: Outbox; log: Logger }, state: 'raised' | 'cleared', problem: StandingProblem): void {
  const { code, severity, text, remedy, subject } = problem;
  const level = state === 'cleared' ? 'info' : severity === 'warning' || severity === 'info' ? 'warn' : 'error';
  log[level]({ event: `problem_${state}`, code, subject, remedy }, state === 'raised' ? `${text}; ${remedy}` : `over: ${text}`);
  outbox.append({ class: 'event', body: { kind: 'problem', code, severity, state, text } });
}
