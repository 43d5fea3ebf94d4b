// Reads values that this program does not control: thrown errors and JSON.

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** @returns the text of any thrown value. For an AggregateError without a text (a host with two addresses), the text of its first error. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '' && error.errors.length > 0) return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

/** @returns Node's code of a system error, such as `ENOENT`, or the code of a library. Undefined if there is no code. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** @returns the parsed value. Undefined without input, for bytes that are not valid UTF-8, and for a text that is not JSON. */
export function parseJson(input: string | Uint8Array | undefined): unknown {
  if (input === undefined) return undefined;
  try {
    return JSON.parse(typeof input === 'string' ? input : UTF8.decode(input));
  } catch {
    return undefined;
  }
}
