// Message templates, in which a string `$name` stands for that argument. Pure.

/** The argument that a part of a template stands for; undefined if it is a plain value. */
export function nameIn(part: unknown): string | undefined {
  return typeof part === 'string' && part.startsWith('$') ? part.slice(1) : undefined;
}

/** Names of all arguments in a template, at any depth. */
export function namesIn(part: unknown): string[] {
  const name = nameIn(part);
  if (name !== undefined) return [name];
  return part !== null && typeof part === 'object' ? Object.values(part).flatMap(namesIn) : [];
}
