// The log file, once the state directory is this agent's. One that can't be written costs the file, never the start.
import { join } from 'node:path';
import type { Clock } from '../clock/index.ts';
import type { Config } from '../config/index.ts';
import { messageOf } from '../errors.ts';
import type { LogFile, Logger } from '../logs/index.ts';

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
