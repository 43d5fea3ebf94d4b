// Templates of messages: a string `$name` stands for that argument. Pure.

/** The argument a part of a template stands for. */
export function nameIn(part: unknown): string | undefined {
  return typeof part === 'string' && part.startsWith('$') ? part.slice(1) : undefined;
}

/** Every argument that a template names, at any depth. */
export function namesIn(part: unknown): string[] {
  const name = nameIn(part);
  if (name !== undefined) return [name];
  return part !== null && typeof part === 'object' ? Object.values(part).flatMap(namesIn) : [];
}
