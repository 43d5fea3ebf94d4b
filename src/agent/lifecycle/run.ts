// The agent's reports about its own run: why the previous run ended, whether this one hangs, and the rows left in the queue at its end.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../base/index.ts';
import type { Logger } from '../../logs/index.ts';
import type { Outbox } from '../../outbox/index.ts';
import type { RosNode } from '../../ros/index.ts';
import { type Ending, explainEnding, type HealthProbe, isUnexpected, parseExit, type SystemdExit } from '../../service/index.ts';
import type { Lifetime, Run } from '../../state/index.ts';
import type { Problems, Status } from '../../status/index.ts';
import { VERSION } from '../../version.ts';

/** The file in the state directory that the unit's ExecStopPost= writes (systemd/elderly-bot.service). */
const LAST_EXIT = 'last-exit';

/** Long enough for a person or a monitoring system to see the problem. */
const ENDING_STANDS_MS = 600_000;

/** A short failure of the database is not worth a restart, which loses the rows that are only in memory. */
const DATABASE_PATIENCE_MS = 120_000;

/** @param env has ELDERLY_BOT_BOOT_ID, the unit's %b: its sandbox hides the kernel's own file. */
export function thisRun(env: NodeJS.ProcessEnv): Omit<Run, 'stopped'> {
  return {
    version: VERSION,
    boot_id: env.ELDERLY_BOT_BOOT_ID || (textOf('/proc/sys/kernel/random/boot_id')?.trim().replaceAll('-', '') ?? null),
    invocation: env.INVOCATION_ID || null,
  };
}

/** @returns undefined for the first run. */
export function lastEnding(stateDir: string, { lastRun }: Lifetime, run: Omit<Run, 'stopped'>): Ending | undefined {
  const exit = takeExit(stateDir);
  return lastRun === null ? undefined : explainEnding(lastRun, run, exit);
}

/** Reads the observed exit and removes its file, so that it counts once. */
function takeExit(stateDir: string): SystemdExit | undefined {
  const file = join(stateDir, LAST_EXIT);
  const text = textOf(file);
  if (text === undefined) return undefined;
  rmSync(file, { force: true });
  return parseExit(text);
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

export interface EndingParts {
  readonly outbox: Outbox;
  readonly problems: Problems;
  readonly log: Logger;
}

/** Reports the end as an event and in the log. An unexpected end also stands as a problem for a while. */
export function reportEnding(ending: Ending | undefined, { outbox, problems, log }: EndingParts): void {
  if (ending === undefined) return;
  outbox.append({ class: 'event', body: { kind: 'restarted', ...ending } });
  log.info({ event: 'last_run', ...ending }, `the last run: ${ending.text}`);
  if (!isUnexpected(ending)) return;
  problems.raise('ended_unasked', `the last run: ${ending.text}`);
  setTimeout(() => problems.clear('ended_unasked'), ENDING_STANDS_MS).unref();
}

export interface ProbeParts {
  readonly ros: RosNode;
  readonly outbox: Outbox;
  readonly status: () => Status;
}

export function healthProbe({ ros, outbox, status }: ProbeParts): HealthProbe {
  return {
    ask: async () => {
      await ros.turn();
      const failingMs = outbox.failingForMs ?? 0;
      return failingMs > DATABASE_PATIENCE_MS ? `the database has refused every write for ${Math.round(failingMs / 1_000)} s` : undefined;
    },
    describe: () => oneLine(status()),
  };
}

function oneLine({ link, outbox, problems }: Status): string {
  const wrong = problems.length === 0 ? 'no problems' : problems.map(({ code }) => code).join(', ');
  return `${link.state}, ${outbox.unconfirmed} rows unconfirmed, ${wrong}`;
}

/** Appends the event `last_words`: how many rows are still on the robot, and since when. It leaves before these rows. */
export function lastWords(cause: 'stopped' | 'battery', outbox: Outbox): void {
  const queued = outbox.unconfirmed;
  if (queued === 0) return;
  const times = Object.values(outbox.oldestAt()).filter((at) => at !== null);
  const oldest = times.length === 0 ? null : Math.min(...times);
  outbox.append({ class: 'event', body: { kind: 'last_words', cause, queued, oldest_at: oldest } });
}
