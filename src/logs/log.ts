// Writes the log as JSON lines to standard output and to a file. Each line is written before the logging call returns, so that a crash
// loses none. pino's transports, such as pino-roll, are not used, because they write from a separate thread: in a test with SIGKILL, 2,000
// of 20,000 lines were missing.
import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import type { LogFile } from './logFile.ts';

export type { Logger } from 'pino';

const REDACTED = '[redacted]';

/** These fields are always redacted, because they may contain a secret by mistake, or too much data. */
const FIELDS = ['*.key', '*.private_key', '*.password', '*.token', '*.authorization', '*.url', 'err.config', 'err.request', 'err.response'];

/** @param file gets every line. Until it is open, it keeps the lines in memory. */
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

const SECRET_NAME = String.raw`[\w-]*(?:passw(?:or)?d|secret|token|authorization|private_?key|credential|cookie|api_?key)[\w-]*`;

const RULES: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // Private keys in PEM, even if they are truncated.
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[A-Za-z0-9+/=:,\s-]|\\+[nrt])*/g, REDACTED],
  // Values whose name suggests a secret, in three forms: in JSON, in JSON inside a JSON string (with escaped quotes), and in plain text.
  [new RegExp(String.raw`("${SECRET_NAME}"\s*:\s*)"(?:[^"\\]|\\.)*"`, 'gi'), `$1"${REDACTED}"`],
  [new RegExp(String.raw`((\\+)"${SECRET_NAME}\2"\s*:\s*)\2".*?(?<!\\)\2"`, 'gi'), `$1$2"${REDACTED}$2"`],
  [new RegExp(String.raw`\b(${SECRET_NAME}\s*=\s*)[^\s"'\\&,;)\]}]+`, 'gi'), `$1${REDACTED}`],
  [/\b((?:proxy-)?authorization\s*:\s*)[^"\\,]+/gi, `$1${REDACTED}`],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  // In URLs, the query, which may contain a signature, and the user info, which may contain a password.
  [/(\bhttps?:\/\/[^\s"'\\?#]*)\?[^\s"'\\]*/gi, `$1?${REDACTED}`],
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s"'\\/@]+@/gi, `$1${REDACTED}@`],
  // Tokens and keys that have a known form: JWTs, AWS access keys, age identities.
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?/g, REDACTED],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, REDACTED],
  [/\bAGE-SECRET-KEY-1[A-Z0-9]+/gi, REDACTED],
];

/** A quick test. Most lines do not match it, so they need none of the slower searches. */
const SUSPICIOUS =
  /PRIVATE KEY|passw|secret|token|authorization|private_?key|credential|cookie|api_?key|bearer|basic|:\/\/|eyJ|AKIA|ASIA|AGE-/i;

/**
 * Removes everything that looks like a secret, for example in a library's error or in a URL. The whole line is searched, so that new fields
 * and nested errors are covered too.
 * @param line one JSON object. The result must still be valid JSON.
 */
function redact(line: string): string {
  if (!SUSPICIOUS.test(line)) return line;
  return RULES.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), line);
}
