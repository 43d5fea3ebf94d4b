// Texts and codes of whatever was thrown.

/** The text of anything that was thrown. An AggregateError without a text (a host with two addresses) gives its first error's. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '' && error.errors.length > 0) return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

/** Node's code of a system error, such as `ENOENT`, or a library's own; undefined if there is none. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
