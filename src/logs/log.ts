// Logs: JSON lines on stdout, written before the call returns, so that the last lines before a crash are there.
import { destination, type Logger, pino, stdTimeFunctions } from 'pino';

export type { Logger } from 'pino';

/** Paths that could hold a secret by mistake; nothing is meant to log them. */
const REDACTED = ['*.key', '*.private_key', '*.password', '*.token', '*.authorization', '*.url', 'err.config'];

export function createLog(level: string, bindings: Readonly<Record<string, unknown>> = {}): Logger {
  return pino(
    { level, base: bindings, timestamp: stdTimeFunctions.isoTime, redact: REDACTED, formatters: { level: (label) => ({ level: label }) } },
    destination({ dest: 1, sync: true }),
  );
}
