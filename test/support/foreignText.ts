// Generates texts that try to act on a terminal or to forge a line, among ordinary words.
import fc from 'fast-check';

/** Each is a known way to mislead a reader of a terminal. */
export const ATTACKS: readonly string[] = [
  '\x1b[2J\x1b[H',
  '\x1b[31mred\x1b[0m',
  '\x1b[1A\x1b[2K',
  '\x1b[?1049l',
  '\x1b[?25l',
  '\x1b]0;title\x07',
  '\x1b]8;;https://example.org\x1b\\click\x1b]8;;\x1b\\',
  '\x1b]52;c;cm0gLXJm\x07',
  '\x1bc',
  '\x1b(0',
  '\x9b2J',
  '\x90q\x9c',
  '\r\x1b[K',
  '\nproblems none',
  '\r\nalerts   none\r\n',
  '\u2028problems none',
  '\x85',
  '\v\f',
  '\b'.repeat(20),
  '\x07',
  '\x7f',
  '\0',
  '\u202e\u202dreversed\u202c',
  '\u2066isolated\u2069',
  '\u200b\u200c\u200d\u2060\ufeff\u00ad',
  '\u{e0041}\u{e007f}',
  '\ud83d',
  '\udc00',
  `e${'\u0301'.repeat(40)}`,
  '\u0336',
  '\u3164\u115f',
  ' '.repeat(80),
  '\u2800'.repeat(80),
  '煙'.repeat(60),
];

/** Attacks, words and random characters in any order. */
export function foreignText(): fc.Arbitrary<string> {
  const part = fc.oneof(
    fc.constantFrom(...ATTACKS),
    fc.constantFrom('gas', 'fall', 'elderly-bot:', ' ', '"', '\\', '%'),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ unit: 'grapheme', maxLength: 20 }),
  );
  return fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''));
}
