// Removes everything that looks like a secret from a log line, whether it came from a library's error, a URL or an answer. It works on the
// whole line, so that new fields and nested errors need no list. Pure.

export const REDACTED = '[redacted]';

const SECRET_NAME = String.raw`[\w-]*(?:passw(?:or)?d|secret|token|authorization|private_?key|credential|cookie|api_?key)[\w-]*`;

const RULES: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // Private keys in PEM, including truncated ones.
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[A-Za-z0-9+/=:,\s-]|\\+[nrt])*/g, REDACTED],
  // Values whose name says that they are secret: in JSON, in JSON inside a JSON string (with escaped quotes), and in plain text.
  [new RegExp(String.raw`("${SECRET_NAME}"\s*:\s*)"(?:[^"\\]|\\.)*"`, 'gi'), `$1"${REDACTED}"`],
  [new RegExp(String.raw`((\\+)"${SECRET_NAME}\2"\s*:\s*)\2".*?(?<!\\)\2"`, 'gi'), `$1$2"${REDACTED}$2"`],
  [new RegExp(String.raw`\b(${SECRET_NAME}\s*=\s*)[^\s"'\\&,;)\]}]+`, 'gi'), `$1${REDACTED}`],
  [/\b((?:proxy-)?authorization\s*:\s*)[^"\\,]+/gi, `$1${REDACTED}`],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  // The query of a URL may be a signature, and the user part of a URL may have a password.
  [/(\bhttps?:\/\/[^\s"'\\?#]*)\?[^\s"'\\]*/gi, `$1?${REDACTED}`],
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s"'\\/@]+@/gi, `$1${REDACTED}@`],
  // Tokens and keys with a known form: JWT, AWS access keys, age identities.
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?/g, REDACTED],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, REDACTED],
  [/\bAGE-SECRET-KEY-1[A-Z0-9]+/gi, REDACTED],
];

/** Most lines match nothing here and need no further search. */
const SUSPICIOUS =
  /PRIVATE KEY|passw|secret|token|authorization|private_?key|credential|cookie|api_?key|bearer|basic|:\/\/|eyJ|AKIA|ASIA|AGE-/i;

/** @param line JSON; the result is valid JSON too. */
export function redact(line: string): string {
  if (!SUSPICIOUS.test(line)) return line;
  return RULES.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), line);
}
