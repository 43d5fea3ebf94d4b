// Records and reports the runs of the agent: its log file, the end of the previous run, its health, and the rows left at its end.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, messageOf } from '../../base/index.ts';
import type { Config } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import { type LogFile, type Logger, readLog } from '../../logs/index.ts';
import type { Outbox } from '../../outbox/index.ts';
import { type Ending, explainEnding, type HealthProbe, isUnexpected, parseExit, type SystemdExit } from '../../service/index.ts';
import type { Lifetime, Run } from '../../state/index.ts';
import type { Status } from '../../status/index.ts';
import { VERSION } from '../../version.ts';
import type { Parts } from './parts.ts';

/** The file in the state directory that the unit's ExecStopPost= writes (systemd/elderly-bot.service). */
const LAST_EXIT = 'last-exit';

/** Duration of the problem after an unexpected end. A person or a monitoring system needs time to see it. */
const ENDING_STANDS_MS = 600_000;

/** A restart loses the rows that are only in memory, so a short failure of the database does not cause one. */
const DATABASE_PATIENCE_MS = 120_000;

/** The part of the log that goes into the record of an incident. */
const TAIL_BYTES = 64 * 1024;

/** Opens the log file. The agent starts even if the file cannot be written. @returns whether the previous agent did not close its log. */
export function openLogFile({ config, clock, log, logFile }: Pick<Parts, 'config' | 'clock' | 'log' | 'logFile'>): boolean {
  try {
    const { crashed } = logFile.open({
      folder: join(config.state_dir, 'logs'),
      maxBytes: config.logs.max_size,
      maxAgeMs: config.logs.max_age,
      nowMs: () => (clock.trusted() ? clock.wall() : undefined),
    });
    if (crashed) log.warn({ event: 'crashed_before' }, 'the previous agent crashed or was killed; its last lines are in the log file');
    return crashed;
  } catch (error) {
    log.error({ event: 'no_log_file' }, `log lines go to standard output only: ${messageOf(error)}`);
    return false;
  }
}

/** Logs why the start failed. Does nothing before the log file is open, because the command line prints the error anyway. */
export function logFailedStart(error: unknown, file: LogFile, log: Logger): void {
  if (!file.isOpen) return;
  const code = error instanceof AgentError ? error.code : undefined;
  log.error({ event: 'start_failed', code }, `the agent did not start: ${error instanceof AgentError ? error.line : messageOf(error)}`);
}

/** @returns the last lines of the log. Secrets are already removed. */
export async function lastLines(file: LogFile, { state_dir: stateDir }: Config): Promise<string[]> {
  const { file: number, offset } = file.end;
  const from = Math.max(0, offset - TAIL_BYTES);
  const chunks: Buffer[] = [];
  for await (const chunk of readLog(join(stateDir, 'logs'), { file: number, offset: from })) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString('utf8').split('\n').slice(0, -1);
  // If the log is longer, the first line is incomplete.
  return from === 0 ? lines : lines.slice(1);
}

/** @param env contains ELDERLY_BOT_BOOT_ID, which the unit sets to %b. The sandbox of the unit hides the kernel's file with the boot id. */
export function thisRun(env: NodeJS.ProcessEnv): Omit<Run, 'stopped'> {
  return {
    version: VERSION,
    boot_id: env.ELDERLY_BOT_BOOT_ID || (textOf('/proc/sys/kernel/random/boot_id')?.trim().replaceAll('-', '') ?? null),
    invocation: env.INVOCATION_ID || null,
  };
}

/** @returns why the previous run ended; undefined in the first run. */
export function lastEnding(stateDir: string, { lastRun }: Lifetime, run: Omit<Run, 'stopped'>): Ending | undefined {
  const exit = takeExit(stateDir);
  return lastRun === null ? undefined : explainEnding(lastRun, run, exit);
}

/** Reads the exit that systemd observed, and removes its file, because it explains only one run. */
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

/** Reports the end of the previous run as an event and in the log. An unexpected end is also a problem for ten minutes. */
export function reportEnding(ending: Ending | undefined, { outbox, problems, log }: Pick<Parts, 'outbox' | 'problems' | 'log'>): void {
  if (ending === undefined) return;
  outbox.append({ class: 'event', body: { kind: 'restarted', ...ending } });
  log.info({ event: 'last_run', ...ending }, `the last run: ${ending.text}`);
  if (!isUnexpected(ending)) return;
  problems.raise('ended_unasked', `the last run: ${ending.text}`);
  setTimeout(() => problems.clear('ended_unasked'), ENDING_STANDS_MS).unref();
}

export function healthProbe({ ros, outbox, status }: Pick<Parts, 'ros' | 'outbox' | 'status'>): HealthProbe {
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
  const codes = problems.length === 0 ? 'no problems' : problems.map(({ code }) => code).join(', ');
  return `${link.state}, ${outbox.unconfirmed} rows unconfirmed, ${codes}`;
}

/** Appends the event `last_words` with the number and age of the rows that are still on the robot. It is sent before these rows. */
export function appendLastWords(cause: 'stopped' | 'battery', outbox: Outbox): void {
  const queued = outbox.unconfirmed;
  if (queued === 0) return;
  const times = Object.values(outbox.oldestAt()).filter((at) => at !== null);
  const oldest = times.length === 0 ? null : Math.min(...times);
  outbox.append({ class: 'event', body: { kind: 'last_words', cause, queued, oldest_at: oldest } });
}
