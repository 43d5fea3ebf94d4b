// What the agent says of its own life: why the run before it ended, whether it hangs, and what is left in the queue when it goes.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../base/index.ts';
import type { Logger } from '../../logs/index.ts';
import type { Outbox } from '../../outbox/index.ts';
import type { RosNode } from '../../ros/index.ts';
import { type Ending, type HealthProbe, isUnasked, parseSeen, type SeenBySystemd, whyEnded } from '../../service/index.ts';
import type { Lifetime, Run } from '../../state/index.ts';
import type { Problems, Status } from '../../status/index.ts';
import { VERSION } from '../../version.ts';

/** The unit's ExecStopPost= leaves it in the state directory (systemd/elderly-bot.service). */
const LAST_EXIT = 'last-exit';

/** Who hears of an unasked end has seen it by then. */
const ENDING_STANDS_MS = 600_000;

/** A database that failed for a moment is not worth a restart, which forgets what is only in memory. */
const DATABASE_PATIENCE_MS = 120_000;

/** @param env ELDERLY_BOT_BOOT_ID is the unit's %b: in its sandbox the kernel's own file is hidden. */
export function thisRun(env: NodeJS.ProcessEnv): Omit<Run, 'stopped'> {
  return {
    version: VERSION,
    boot_id: env.ELDERLY_BOT_BOOT_ID || (textOf('/proc/sys/kernel/random/boot_id')?.trim().replaceAll('-', '') ?? null),
    invocation: env.INVOCATION_ID || null,
  };
}

/** @returns undefined for the first run of all. */
export function lastEnding(stateDir: string, { lastRun }: Lifetime, run: Omit<Run, 'stopped'>): Ending | undefined {
  const seen = takeSeen(stateDir);
  return lastRun === null ? undefined : whyEnded(lastRun, run, seen);
}

/** What systemd saw counts once. */
function takeSeen(stateDir: string): SeenBySystemd | undefined {
  const file = join(stateDir, LAST_EXIT);
  const text = textOf(file);
  if (text === undefined) return undefined;
  rmSync(file, { force: true });
  return parseSeen(text);
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

/** As an event and in the log; an end that nobody asked for stands as a problem for a while. */
export function reportEnding(ending: Ending | undefined, { outbox, problems, log }: EndingParts): void {
  if (ending === undefined) return;
  outbox.append({ class: 'event', body: { kind: 'restarted', ...ending } });
  log.info({ event: 'last_run', ...ending }, `the last run: ${ending.text}`);
  if (!isUnasked(ending)) return;
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

/** The last rows of a run, and the first to leave: what is still on the robot, and since when. */
export function lastWords(cause: 'stopped' | 'battery', outbox: Outbox): void {
  const queued = outbox.unconfirmed;
  if (queued === 0) return;
  const times = Object.values(outbox.oldestAt()).filter((at) => at !== null);
  const oldest = times.length === 0 ? null : Math.min(...times);
  outbox.append({ class: 'event', body: { kind: 'last_words', cause, queued, oldest_at: oldest } });
}
