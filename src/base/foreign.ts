// Reads values whose type this program does not control: thrown errors and JSON.
import { attemptsText, tlsWords } from './failureText.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Returns the message of any thrown value, which is never empty. A failed TLS handshake is described in plain words. Node throws an
 * AggregateError without a message if none of a host's addresses can be reached; the message then has each reason with its addresses.
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const attempts = [error, error.cause].find((each) => each instanceof AggregateError && each.message === '');
  if (attempts instanceof AggregateError && attempts.errors.length > 0) return attemptsText(attempts.errors, messageOf);
  const words = tlsWords(error) || error.message;
  if (words !== '') return words;
  return error.cause === undefined ? (codeOf(error) ?? error.name) : messageOf(error.cause);
}

/** Returns an error's code, for example Node's `ENOENT` or SQLite's `SQLITE_FULL`; undefined if it has no code. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Parses JSON. @returns undefined if the input is undefined, is not valid UTF-8 or is not valid JSON. */
export function parseJson(input: string | Uint8Array | undefined): unknown {
  if (input === undefined) return undefined;
  try {
    return JSON.parse(typeof input === 'string' ? input : UTF8.decode(input));
  } catch {
    return undefined;
  }
}
