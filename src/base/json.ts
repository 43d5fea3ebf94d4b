// JSON from outside: a payload, a line or a file that may hold anything.

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** @returns the parsed value; undefined if there is no input, if the bytes are not valid UTF-8, or if the text is not JSON. */
export function parseJson(input: string | Uint8Array | undefined): unknown {
  if (input === undefined) return undefined;
  try {
    return JSON.parse(typeof input === 'string' ? input : UTF8.decode(input));
  } catch {
    return undefined;
  }
}
