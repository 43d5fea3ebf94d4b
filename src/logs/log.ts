// Writes the log as JSON lines to standard output and to a file. Each line is written before the logging call returns, so that a crash
// loses none. pino's transports, such as pino-roll, are not used, because they write from a separate thread: in a test with SIGKILL, 2,000
// of 20,000 lines were missing.
import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import { logLine } from '../base/index.ts';
import type { LogFile } from './logFile.ts';

export type { Logger } from 'pino';

/** These fields of an HTTP client's error have too much data, and headers with secrets among it. */
const FIELDS = ['err.config', 'err.request', 'err.response'];

/** @param file gets every line. Until it is open, it keeps the lines in memory. */
export function createLog(level: string, bindings: Readonly<Record<string, unknown>> = {}, file?: LogFile): Logger {
  const stdout = destination({ dest: 1, sync: true });
  const write = (text: string) => {
    const line = logLine(text);
    stdout.write(line);
    file?.write(line);
  };
  return pino(
    {
      level,
      base: bindings,
      timestamp: stdTimeFunctions.isoTime,
      redact: { paths: FIELDS, remove: true },
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
}
