// Checks a command's arguments against the JSON Schema that its robot announced. Pure. Only the keywords that robots announce are
// checked. A pattern is left to the robot, because a regular expression from outside could stop this process; so is any other keyword.

export type Argument = string | number | boolean;
export type Arguments = Readonly<Record<string, Argument>>;

type Schema = Readonly<Record<string, unknown>>;

/** @param schema as announced, JSON Schema of an object. @returns the problem, with the argument's name first; null if there is no problem. */
export function wrongArgument(schema: unknown, given: Arguments): string | null {
  if (!isObject(schema)) return null;
  const known = isObject(schema.properties) ? schema.properties : {};
  for (const [name, value] of Object.entries(given)) {
    const property = Object.hasOwn(known, name) ? known[name] : undefined;
    if (property === undefined && schema.additionalProperties === false) {
      return `${name}: this command has no such argument; it has ${Object.keys(known).join(', ') || 'none'}`;
    }
    const wrong = isObject(property) ? wrongValue(property, value) : null;
    if (wrong !== null) return `${name}: ${wrong}`;
  }
  const missing = listOf(schema.required).find((name) => !Object.hasOwn(given, String(name)));
  return missing === undefined ? null : `${missing}: this argument is missing`;
}

function wrongValue(schema: Schema, value: Argument): string | null {
  const { type, minimum, maximum, maxLength, enum: words } = schema;
  if (typeof type === 'string' && !isOf(type, value)) return `expected ${type}`;
  if (Array.isArray(words) && !words.includes(value)) return `expected one of ${words.join(', ')}`;
  if (typeof value === 'number') {
    if (typeof minimum === 'number' && value < minimum) return `expected at least ${minimum}`;
    if (typeof maximum === 'number' && value > maximum) return `expected at most ${maximum}`;
  }
  if (typeof value === 'string' && typeof maxLength === 'number' && value.length > maxLength)
    return `expected at most ${maxLength} characters`;
  return null;
}

/** An unknown type is left to the robot. */
function isOf(type: string, value: Argument): boolean {
  if (type === 'integer') return Number.isSafeInteger(value);
  return !['string', 'number', 'boolean'].includes(type) || typeof value === type;
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
