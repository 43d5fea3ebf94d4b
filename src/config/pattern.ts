// Checks and matches the patterns of string arguments in linear time: with backtracking, 28 letters can stop the process for seconds.
import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';

/**
 * Limits pattern size times text length. A step takes up to 0.12 µs (x64, the slowest of 12 patterns made to be slow), so that the
 * longest match takes 0.12 s.
 */
const MAX_STEPS = 1_000_000;

const compiled = new Map<string, RE2JS>();

/** @throws Error if RE2 does not know the pattern's syntax. */
function compile(pattern: string): RE2JS {
  const known = compiled.get(pattern);
  if (known) return known;
  // Loaded at the first pattern: the library takes 4 MB and 10 ms, and few configurations have a pattern.
  const { RE2JS } = createRequire(import.meta.url)('re2js') as typeof import('re2js');
  const made = RE2JS.compile(pattern);
  compiled.set(pattern, made);
  return made;
}

/** Whether the pattern matches the whole text. */
export function matchesPattern(pattern: string, text: string): boolean {
  return compile(pattern).testExact(text);
}

/** Returns what is wrong with a pattern for texts of at most `maxLength` characters. */
export function patternFault(pattern: string, maxLength: number): string | undefined {
  // Other programs read the pattern in the announced JSON Schema, which has ECMAScript's syntax. Here it must mean the same.
  try {
    new RegExp(`^(?:${pattern})$`, 'u');
  } catch (error) {
    const [, reason] = /\/u: (.*)$/s.exec((error as Error).message) ?? [];
    return `expected a valid regular expression (${reason})`;
  }
  let size: number;
  try {
    size = compile(pattern).programSize();
  } catch (error) {
    const [, part] = /`(.*)`$/s.exec((error as Error).message) ?? [];
    return (
      `${part} is not supported, because a match must take linear time; write it without lookahead, lookbehind, back-references and ` +
      '\\u escapes, with counts up to 1000 (their product if nested), or list the words in enum'
    );
  }
  const most = Math.floor(MAX_STEPS / size);
  return maxLength <= most
    ? undefined
    : `expected max_length of at most ${most} for so large a pattern, or smaller counts, or + and * instead of counts`;
}
