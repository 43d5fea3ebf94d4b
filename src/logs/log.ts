// Logs: JSON lines on stdout and in a file, written before the call returns, so that no line before a crash is lost.
// pino's transports, pino-roll among them, write from a separate thread: after a kill, 2,000 of 20,000 lines were missing.
import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import type { LogFile } from './logFile.ts';
import { REDACTED, redact } from './redact.ts';

export type { Logger } from 'pino';

/** Fields that may hold a secret by mistake, or too much data. The text of every line is searched for secrets too. */
const FIELDS = ['*.key', '*.private_key', '*.password', '*.token', '*.authorization', '*.url', 'err.config', 'err.request', 'err.response'];

/** @param file also gets every line, once it is open. */
export function createLog(level: string, bindings: Readonly<Record<string, unknown>> = {}, file?: LogFile): Logger {
  const stdout = destination({ dest: 1, sync: true });
  const write = (text: string) => {
    const line = redact(text);
    stdout.write(line);
    file?.write(line);
  };
  return pino(
    {
      level,
      base: bindings,
      timestamp: stdTimeFunctions.isoTime,
      redact: { paths: FIELDS, censor: REDACTED },
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
}
