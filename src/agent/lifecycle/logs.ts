// The log file, opened once the agent holds the state directory. The agent starts even if the file cannot be written.
import { join } from 'node:path';
import { messageOf } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Config } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import { type LogFile, type Logger, readLog } from '../../logs/index.ts';

/** @returns whether the previous agent ended without closing its log. */
export function openLogFile(file: LogFile, { state_dir: stateDir, logs }: Config, clock: Clock, log: Logger): boolean {
  try {
    const { crashed } = file.open({
      folder: join(stateDir, 'logs'),
      maxBytes: logs.max_size,
      maxAgeMs: logs.max_age,
      nowMs: () => (clock.trusted() ? clock.wall() : undefined),
    });
    if (crashed) log.warn({ event: 'crashed_before' }, 'the previous agent crashed or was killed; its last lines are in the log file');
    return crashed;
  } catch (error) {
    log.error({ event: 'no_log_file' }, `log lines go to standard output only: ${messageOf(error)}`);
    return false;
  }
}

/** Writes the error of a failed start into the log file; the command line prints it on stderr. Does nothing before the file is open. */
export function logFailedStart(error: unknown, file: LogFile, log: Logger): void {
  if (!file.isOpen) return;
  const code = error instanceof AgentError ? error.code : undefined;
  log.error({ event: 'start_failed', code }, `the agent did not start: ${error instanceof AgentError ? error.line : messageOf(error)}`);
}

/** The part of the log that goes into the record of an incident. */
const TAIL_BYTES = 64 * 1024;

/** @returns the last lines of the log, redacted as in the file. */
export async function lastLines(file: LogFile, { state_dir: stateDir }: Config): Promise<string[]> {
  const { file: number, offset } = file.end;
  const from = Math.max(0, offset - TAIL_BYTES);
  const chunks: Buffer[] = [];
  for await (const chunk of readLog(join(stateDir, 'logs'), { file: number, offset: from })) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString('utf8').split('\n').slice(0, -1);
  // If the log is longer, the first line is incomplete.
  return from === 0 ? lines : lines.slice(1);
}
