// Records and reports the agent's runs: the log file, how the previous run ended, the health probe, and the rows that remain unsent.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, messageOf } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import { type LogFile, type Logger, readLog } from '../../logs/index.ts';
import type { Outbox } from '../../outbox/index.ts';
import { type Ending, explainEnding, type HealthProbe, isUnexpected, parseExit, type SystemdExit } from '../../service/index.ts';
import type { Lifetime, Run } from '../../state/index.ts';
import type { Status } from '../../status/index.ts';
import { VERSION } from '../../version.ts';
import type { Parts } from './parts.ts';

/** A file in the state directory, written by the unit's ExecStopPost= (systemd/elderly-bot.service). */
const LAST_EXIT = 'last-exit';

/** How long an unexpected end is shown as a problem, so that someone or a monitoring system can notice it. */
const ENDING_STANDS_MS = 600_000;

/**
 * If the health probe fails, systemd restarts the agent, which loses the rows that exist only in memory. So the probe fails only after the
 * database has refused writes for this long.
 */
const DATABASE_PATIENCE_MS = 120_000;

/** How much of the log goes into an incident's record. */
const TAIL_BYTES = 64 * 1024;

/**
 * Opens the log file. If it cannot be written to, the agent starts anyway. @returns whether the previous agent left its log file unclosed.
 */
export function openLogFile({
  config,
  storage,
  clock,
  log,
  logFile,
}: Pick<Parts, 'config' | 'storage' | 'clock' | 'log' | 'logFile'>): boolean {
  try {
    const { crashed } = logFile.open({
      folder: join(storage.folder, 'logs'),
      maxBytes: storage.atMost(config.logs.max_size),
      maxAgeMs: config.logs.max_age,
      nowMs: () => (clock.trusted() ? clock.wall() : undefined),
    });
    if (storage.wasOpen !== undefined) log.warn({ event: 'state_dir_open' }, storage.wasOpen);
    if (crashed) log.warn({ event: 'crashed_before' }, 'the previous agent crashed or was killed; its last lines are in the log file');
    return crashed;
  } catch (error) {
    log.error({ event: 'no_log_file' }, `log lines go to standard output only: ${messageOf(error)}`);
    return false;
  }
}

/** Logs why startup failed. If the log file is not open yet, this does nothing, because the CLI prints the error anyway. */
export function logFailedStart(error: unknown, file: LogFile, log: Logger): void {
  if (!file.isOpen) return;
  const code = error instanceof AgentError ? error.code : undefined;
  log.error({ event: 'start_failed', code }, `the agent did not start: ${error instanceof AgentError ? error.line : messageOf(error)}`);
}

/** @returns the last lines of the log. Secrets have already been removed from them. */
export async function lastLines(file: LogFile, stateDir: string): Promise<string[]> {
  const { file: number, offset } = file.end;
  const from = Math.max(0, offset - TAIL_BYTES);
  const chunks: Buffer[] = [];
  for await (const chunk of readLog(join(stateDir, 'logs'), { file: number, offset: from })) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString('utf8').split('\n').slice(0, -1);
  // If the log is longer than the tail, the tail's first line is incomplete.
  return from === 0 ? lines : lines.slice(1);
}

/** @param env must contain ELDERLY_BOT_BOOT_ID (%b in the unit), because the unit's sandbox hides the kernel's boot id file. */
export function thisRun(env: NodeJS.ProcessEnv): Omit<Run, 'stopped'> {
  return {
    version: VERSION,
    boot_id: env.ELDERLY_BOT_BOOT_ID || (textOf('/proc/sys/kernel/random/boot_id')?.trim().replaceAll('-', '') ?? null),
    invocation: env.INVOCATION_ID || null,
  };
}

/**
 * @param isRestart whether that run was in this process.
 * @returns how the previous run ended, or undefined if this is the first run.
 */
export function lastEnding(stateDir: string, { lastRun }: Lifetime, run: Omit<Run, 'stopped'>, isRestart: boolean): Ending | undefined {
  const exit = takeExit(stateDir);
  if (isRestart) return explainEnding({ ...run, stopped: 'mending' }, run, undefined);
  return lastRun === null ? undefined : explainEnding(lastRun, run, exit);
}

/** Reads the exit that systemd recorded, then deletes the file, because it must not explain a later run too. */
function takeExit(stateDir: string): SystemdExit | undefined {
  const file = join(stateDir, LAST_EXIT);
  const text = textOf(file);
  if (text === undefined) return undefined;
  try {
    rmSync(file, { force: true });
  } catch (error) {
    // On a read-only disk the file stays, and explains the later runs too.
    if (codeOf(error) === undefined) throw error;
  }
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

/** Reports how the previous run ended as an event and in the log. If the end was unexpected, it is also a problem for ten minutes. */
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

/** Appends a `last_words` event with the number and age of the rows that have not reached the cloud. It is sent before those rows. */
export function appendLastWords(cause: 'stopped' | 'battery', outbox: Outbox): void {
  const queued = outbox.unconfirmed;
  if (queued === 0) return;
  const times = Object.values(outbox.oldestAt()).filter((at) => at !== null);
  const oldest = times.length === 0 ? null : Math.min(...times);
  outbox.append({ class: 'event', body: { kind: 'last_words', cause, queued, oldest_at: oldest } });
}
