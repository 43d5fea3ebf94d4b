// The last gate before a line is kept: whatever looks like a secret is taken out of its text, wherever it came from (a library's error,
// a URL, an answer). Works on the whole line, so that a new field or a nested error needs no list. Pure.

export const REDACTED = '[redacted]';

const SECRET_NAME = String.raw`[\w-]*(?:passw(?:or)?d|secret|token|authorization|private_?key|credential|cookie|api_?key)[\w-]*`;

const RULES: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // Private keys in PEM, also one that is cut off.
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[A-Za-z0-9+/=:,\s-]|\\+[nrt])*/g, REDACTED],
  // What a name says is secret: in JSON, in JSON that is a text within it (its quotes have backslashes before them), and in text.
  [new RegExp(String.raw`("${SECRET_NAME}"\s*:\s*)"(?:[^"\\]|\\.)*"`, 'gi'), `$1"${REDACTED}"`],
  [new RegExp(String.raw`((\\+)"${SECRET_NAME}\2"\s*:\s*)\2".*?(?<!\\)\2"`, 'gi'), `$1$2"${REDACTED}$2"`],
  [new RegExp(String.raw`\b(${SECRET_NAME}\s*=\s*)[^\s"'\\&,;)\]}]+`, 'gi'), `$1${REDACTED}`],
  [/\b((?:proxy-)?authorization\s*:\s*)[^"\\,]+/gi, `$1${REDACTED}`],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  // Whoever has a signed URL has what it is for; and the user of a URL has a password with it.
  [/(\bhttps?:\/\/[^\s"'\\?#]*)\?[^\s"'\\]*/gi, `$1?${REDACTED}`],
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s"'\\/@]+@/gi, `$1${REDACTED}@`],
  // Tokens and keys that are known by their look: JWT, AWS access keys, age identities.
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?/g, REDACTED],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, REDACTED],
  [/\bAGE-SECRET-KEY-1[A-Z0-9]+/gi, REDACTED],
];

/** Most lines have nothing of it, and are looked through once. */
const SUSPICIOUS =
  /PRIVATE KEY|passw|secret|token|authorization|private_?key|credential|cookie|api_?key|bearer|basic|:\/\/|eyJ|AKIA|ASIA|AGE-/i;

/** @param line JSON, and stays it. */
export function redact(line: string): string {
  if (!SUSPICIOUS.test(line)) return line;
  return RULES.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), line);
}
