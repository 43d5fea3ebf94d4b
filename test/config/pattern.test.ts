// Tests that patterns match in linear time and mean the same as in ECMAScript, whose syntax the robot announces.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { checkArguments } from '../../src/commands/arguments.ts';
import { configSchema } from '../../src/config/index.ts';
import { matchesPattern, patternFault } from '../../src/config/pattern.ts';

/** Each takes the backtracking engine of V8 more than a second for 40 characters, or for 256 if the degree is polynomial. */
const CATASTROPHIC = [
  '(a+)+b',
  '(a|a)*b',
  '(a?){25}a{25}b',
  '([a-z]+[0-9]*)*!',
  '(.*a){12}b',
  '(a*)*(a*)*b',
  '.*.*.*.*.*.*=',
  '(\\p{L}*x?)*!',
];

/** Short and long texts that almost match. */
const HOSTILE = ['a'.repeat(256), 'ab'.repeat(128), 'aé'.repeat(128), `${'a'.repeat(255)}!`];

function fastest(attempts: number, run: () => void): number {
  return Math.min(
    ...Array.from({ length: attempts }, () => {
      const start = performance.now();
      run();
      return performance.now() - start;
    }),
  );
}

/** Patterns in the syntax that both engines know, shallow enough for backtracking. */
const atom = fc.constantFrom('a', 'b', '-', '[a-c]', '[^a]', '\\d', '\\w', '\\p{L}', '\\.', '(?:ab)', '(a|é)', 'é', '.');
const counted = fc.tuple(atom, fc.constantFrom('', '', '{2}', '{0,2}', '?', '*', '+?')).map((parts) => parts.join(''));
const piece = fc.oneof({ weight: 5, arbitrary: counted }, fc.constantFrom('^', '$', '\\b', '\\B'));
const series = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(''));
const patterns = fc.array(series, { minLength: 1, maxLength: 3 }).map((all) => all.join('|'));

describe('a pattern of the configuration', () => {
  for (const pattern of CATASTROPHIC) {
    it(`matches ${pattern} with hostile texts within a second`, () => {
      assert.equal(patternFault(pattern, 256), undefined);
      for (const text of HOSTILE) assert.ok(fastest(3, () => matchesPattern(pattern, text)) < 1000, text);
    });
  }

  it('stops a hostile argument of a command within a second', () => {
    const args = { value: { type: 'string', pattern: '([a-z]+)+[.]' } };
    const { speak } = configSchema.shape.commands.parse({
      speak: { topic: '/speak', type: 'std_msgs/String', message: { data: '$value' }, args },
    });
    assert.ok(speak);
    // Backtracking takes 7 s for 28 letters and twice as long for each further one.
    const value = 'a'.repeat(28);
    const start = performance.now();
    assert.match(String(checkArguments({ command: 'speak', value }, speak)), /expected to match/);
    assert.ok(performance.now() - start < 1000);
  });

  it('accepts and refuses the same texts as ECMAScript', () => {
    const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '-', '.', '1', 'é', '😀', ' '), maxLength: 6 });
    fc.assert(
      fc.property(patterns, texts, (pattern, text) => {
        assert.equal(patternFault(pattern, 256), undefined);
        assert.equal(matchesPattern(pattern, text), new RegExp(`^(?:${pattern})$`, 'u').test(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('limits the size of the pattern times the length of the text', () => {
    assert.equal(patternFault('[a-z ]{1,300}', 300), undefined);
    assert.match(String(patternFault('[a-z ]{1,1000}', 1000)), /max_length of at most 499 /);
    assert.match(String(patternFault('(a{500}){500}', 10)), /not supported/);
  });

  it('has a size whose longest match takes less than a second', () => {
    for (const pattern of ['(a|b)*a(a|b){200}c', '([ab]*a[ab]{20}){0,20}c', '(.*a.{10}){0,20}c']) {
      const longest = Array.from({ length: 4096 }, (_, at) => at + 1).findLast((length) => patternFault(pattern, length) === undefined);
      assert.ok(longest);
      const text = Array.from({ length: longest }, (_, at) => 'ab'[((at * at * 7 + at) % 5) % 2]).join('');
      assert.ok(fastest(3, () => matchesPattern(pattern, text)) < 1000, pattern);
    }
  });
});
