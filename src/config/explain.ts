// Turns validation issues into messages for the user: file, line, key, actual value and expected value.
import type { z } from 'zod';
import { nearest } from './nearest.ts';
import { configSchema } from './schema.ts';
import { placeOf, type Source } from './source.ts';
import { isTree, type Path, type Tree, valueAt } from './tree.ts';

/** Returns one line per fault, in the form `file:line:column: key is value: expected ...`. */
export function explain(issue: z.core.$ZodIssue, sources: readonly Source[], merged: Tree): string[] {
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path);
    return issue.keys.map((key) => {
      const guess = nearest(key, known);
      const hint = guess ? `, did you mean ${guess}?` : `; known here: ${known.join(', ')}`;
      return `${placeOf([...issue.path, key], sources)}: unknown key ${[...issue.path, key].join('.')}${hint}`;
    });
  }
  const found = valueAt(merged, issue.path as Path);
  if (issue.code === 'invalid_union' && isTree(found)) {
    // If keys were given, report the fault in the union's branch that takes keys. That helps more than "matches none of the alternatives".
    const within = issue.errors.find((branch) => branch.some(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'));
    if (within) return within.flatMap((inner) => explain({ ...inner, path: [...issue.path, ...inner.path] }, sources, merged));
  }
  const value = found === undefined ? 'nothing' : JSON.stringify(found);
  return [`${placeOf(issue.path as Path, sources)}: ${issue.path.join('.')} is ${value}: ${expectation(issue)}`];
}

/** Zod's type names, in plain language. */
const TYPES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'text (in quotes, if it looks like a number)',
  boolean: 'true or false',
  object: 'keys and values',
  record: 'keys and values',
  array: 'a list',
  tuple: 'two numbers in brackets, such as [0.12, 8]',
};

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `expected ${TYPES[issue.expected] ?? issue.expected}`;
  if (issue.code === 'too_small' && issue.origin === 'number') return `expected at least ${issue.minimum}`;
  if (issue.code === 'too_big' && issue.origin === 'number') return `expected at most ${issue.maximum}`;
  if (issue.code === 'invalid_value') return `expected one of ${issue.values.join(', ')}`;
  if (issue.code === 'invalid_key') return issue.issues.map((inner) => inner.message).join('; ');
  return issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
}

/** The keys that the schema allows at a path. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let node: unknown = configSchema;
  for (const key of path) {
    const inner = unwrap(node) as { shape?: Tree; valueType?: unknown };
    node = inner.shape ? inner.shape[String(key)] : inner.valueType;
  }
  return Object.keys((unwrap(node) as { shape?: Tree } | undefined)?.shape ?? {});
}

function unwrap(schema: unknown): unknown {
  const inner = schema as { unwrap?: () => unknown; in?: unknown; options?: readonly unknown[] } | undefined;
  if (typeof inner?.unwrap === 'function') return unwrap(inner.unwrap());
  // In zod, a schema with a transform is a pipe, and its input side has the keys that may appear in a file.
  if (inner?.in) return unwrap(inner.in);
  return inner?.options?.map(unwrap).find((option) => (option as { shape?: Tree } | undefined)?.shape) ?? inner;
}
