// Removes secrets from texts and data that leave this program: log lines, problems, events, errors. A secret is recognised by the name
// before it and by its shape. All expressions take linear time, because anyone can write long texts into an error.
import { isFileName, isSecretName, NAMES, REDACTED, withoutNamed } from './redactNames.ts';
import { bytesOf, withoutPacked, withoutShapes } from './redactShapes.ts';
import { visible, withoutHidden } from './visible.ts';

/** Fields of an object whose text names another field's value, such as `{ name: 'password', value: '...' }`. */
const NAMING = ['name', 'key', 'header', 'field', 'param'];
const NAMED = /^(?:value|val|data)$/i;

/** One of these is in each secret. To search for plain words takes a tenth of the time of the expressions (measured). */
const STEMS = [
  ...['pass', 'pw', 'psk', 'otp', 'secret', 'token', 'authori', 'bearer', 'basic ', 'private', 'credential', 'cookie', 'key', 'sig', 'jwt'],
  ...['phone', 'tel', '://', '@', '+', '<buffer', '"type":"buffer"', '"0":', 'eyj', 'akia', 'asia'],
];
const SUSPICIOUS = new RegExp(
  `${NAMES}|bearer|basic |PRIVATE KEY|://[^/\\s]|@|\\+\\d|<Buffer|eyJ|AKIA|ASIA|AGE-SECRET|"type":"Buffer"|"0":\\d`,
  'i',
);

/** Most texts need no more than this test and a look for long words. */
function isSuspicious(text: string): boolean {
  const lower = text.toLowerCase();
  return STEMS.some((stem) => lower.includes(stem)) && SUSPICIOUS.test(text);
}

/** Removes the secrets of a text. */
export function redactText(text: string): string {
  return withoutPacked(isSuspicious(text) ? withoutNamed(withoutShapes(text)) : text, withoutNamed);
}

/**
 * Prepares a text that quotes others for people far away: in a problem, an event, a result. @param longest the limit in characters
 */
export function safeText(text: string, longest?: number): string {
  return visible(redactText(text), longest);
}

/** Removes the secrets of all texts in a value that came as JSON, and the values of fields with a secret name. */
export function redactData<T>(value: T): T;
export function redactData(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (value === null || typeof value !== 'object') return value;
  const bytes = bytesOf(value);
  if (bytes !== undefined) return bytes;
  if (Array.isArray(value))
    return value.map((each, i) => (isSecretName(value[i - 1]) ? hidden(each, value[i - 1]) : redactData<unknown>(each)));
  if (![Object.prototype, null].includes(Object.getPrototypeOf(value))) return value;
  const named = NAMING.map((field) => (value as Record<string, unknown>)[field]).find((name) => isSecretName(name));
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      const secret = isSecretName(name) ? name : NAMED.test(name) ? named : undefined;
      return [name, secret === undefined ? redactData<unknown>(each) : hidden(each, secret)];
    }),
  );
}

/** Prepares a line for a log that people read on a terminal. @param line one JSON object with a line break; the result is one too */
export function logLine(line: string): string {
  return `${withoutHidden(redactLine(line.trimEnd()))}\n`;
}

/** Only a suspicious line is parsed. Without that, the long words of any line can be replaced. */
function redactLine(line: string): string {
  if (!isSuspicious(line)) return withoutPacked(line, withoutNamed);
  try {
    return JSON.stringify(redactData<unknown>(JSON.parse(line)));
  } catch {
    return redactText(line);
  }
}

/** A number is no secret, such as the age of a token, unless it is a password. */
function hidden(value: unknown, name: unknown): unknown {
  if (typeof value === 'string') return value === '' || isFileName(value) ? value : REDACTED;
  if (typeof value === 'number') return isSecretName(name, true) ? REDACTED : value;
  return value === null || typeof value !== 'object' ? value : REDACTED;
}
