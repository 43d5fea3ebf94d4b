// Reads values whose type this program does not control: thrown errors and JSON.

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Returns the message of any thrown value. Node throws an AggregateError without a message if a host has several addresses and none of them
 * can be reached; the message is then that of its first error.
 */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '' && error.errors.length > 0) return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
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
