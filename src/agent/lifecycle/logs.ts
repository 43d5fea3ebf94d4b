// The log file, once the state directory is this agent's. One that can't be written costs the file, never the start.
import { join } from 'node:path';
import { messageOf } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Config } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import { type LogFile, type Logger, readLog } from '../../logs/index.ts';

/** @returns whether the agent before this one ended without a word. */
export function openLogFile(file: LogFile, { state_dir: stateDir, logs }: Config, clock: Clock, log: Logger): boolean {
  try {
    const { crashed } = file.open({
      folder: join(stateDir, 'logs'),
      maxBytes: logs.max_size,
      maxAgeMs: logs.max_age,
      nowMs: () => (clock.trusted() ? clock.wall() : undefined),
    });
    if (crashed)
      log.warn({ event: 'crashed_before' }, 'the agent before this one ended without a word; its last lines are in the log file');
    return crashed;
  } catch (error) {
    log.error({ event: 'no_log_file' }, `log lines go to standard output only: ${messageOf(error)}`);
    return false;
  }
}

/** Whoever started it is told on stderr; here is who looks later. Before the file is open there is nobody to look into it. */
export function logFailedStart(error: unknown, file: LogFile, log: Logger): void {
  if (!file.isOpen) return;
  const code = error instanceof AgentError ? error.code : undefined;
  log.error({ event: 'start_failed', code }, `it did not start: ${error instanceof AgentError ? error.line : messageOf(error)}`);
}

/** As much of the log as an incident's record takes. */
const TAIL_BYTES = 64 * 1024;

/** The last lines of the log, secrets taken out as in all of it. */
export async function lastLines(file: LogFile, { state_dir: stateDir }: Config): Promise<string[]> {
  const { file: number, offset } = file.end;
  const from = Math.max(0, offset - TAIL_BYTES);
  const chunks: Buffer[] = [];
  for await (const chunk of readLog(join(stateDir, 'logs'), { file: number, offset: from })) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString('utf8').split('\n').slice(0, -1);
  // The first one is not whole where the log is longer.
  return from === 0 ? lines : lines.slice(1);
}
