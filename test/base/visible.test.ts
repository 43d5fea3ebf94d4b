// Tests that foreign text is rendered as one bounded line that a terminal only shows.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { visible, visibleData, withoutHidden } from '../../src/base/index.ts';
import { foreignText } from '../support/foreignText.ts';

const HIDDEN = /(?!\uFE0F)[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

describe('text from others', () => {
  for (const [name, [text, expected]] of Object.entries<readonly [string, string]>({
    'an escape sequence that clears the screen': ['gas\x1b[2J\x1b[H', 'gas\\u001b[2J\\u001b[H'],
    'an 8-bit escape sequence': ['gas\x9b2J', 'gas\\u009b2J'],
    'a title and a hyperlink': ['\x1b]0;root\x07', '\\u001b]0;root\\u0007'],
    'a second line': ['x\nproblems none\r\n', 'x\\nproblems none\\r\\n'],
    'a Unicode line separator': ['x\u2028y\u2029z\x85', 'x\\u2028y\\u2029z\\u0085'],
    'a backspace over our text': ['\b\b\b\x7f', '\\u0008\\u0008\\u0008\\u007f'],
    'reversed text': ['a\u202egpj.exe\u2066b\u2069', 'a\\u202egpj.exe\\u2066b\\u2069'],
    'zero-width characters': ['fa\u200bll\u200d\u2060\ufeff', 'fa\\u200bll\\u200d\\u2060\\ufeff'],
    'an invisible tag': ['a\u{e0041}', 'a\\udb40\\udc41'],
    'half a surrogate pair': ['a\ud83d', 'a\\ud83d'],
    'fillers that look like blanks': ['a\u3164b\u115f', 'a\\u3164b\\u115f'],
    'a tower of marks': [`e${'\u0301'.repeat(6)}`, `e${'\u0301'.repeat(4)}\\u0301\\u0301`],
    'a mark on the character before it': ['\u0336x', '\\u0336x'],
    'blanks up to the next row': [`x${' '.repeat(70)}problems none`, 'x[70 blanks]problems none'],
    'ordinary text': ['fumo in cucina: 42 °C, 煙 ❤️ è naïve', 'fumo in cucina: 42 °C, 煙 ❤️ è naïve'],
    'a backslash': ['C:\\new', 'C:\\new'],
  })) {
    it(`is safe with ${name}`, () => assert.equal(visible(text), expected));
  }

  it('is cut at the limit, and says how much is missing', () => {
    assert.equal(visible('a'.repeat(500)), 'a'.repeat(500));
    assert.equal(visible('a'.repeat(501)), `${'a'.repeat(470)}… (31 more characters)`);
    assert.equal(visible('\x1b'.repeat(100), 60), `${'\\u001b'.repeat(5)}… (95 more characters)`);
  });

  it('never acts on a terminal, is never too long, and is the same if rendered twice', () => {
    fc.assert(
      fc.property(foreignText(), fc.integer({ min: 40, max: 600 }), (text, longest) => {
        const shown = visible(text, longest);
        assert.ok(!HIDDEN.test(shown), JSON.stringify(shown));
        assert.ok(shown.length <= longest, `${shown.length} of ${longest}`);
        assert.equal(visible(shown, longest), shown);
        assert.equal(withoutHidden(shown), shown);
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps its value in JSON without a hidden character', () => {
    fc.assert(
      fc.property(foreignText(), (text) => {
        const json = withoutHidden(JSON.stringify({ [text]: text }));
        assert.ok(!HIDDEN.test(json));
        assert.deepEqual(JSON.parse(json), { [text]: text });
      }),
    );
  });

  it('is rendered in every field and name of a value', () => {
    const data = { '\x1b': ['\n', { deep: '\u202e', number: 1, none: null }] };
    assert.deepEqual(visibleData(data), { '\\u001b': ['\\n', { deep: '\\u202e', number: 1, none: null }] });
  });

  it('takes time that grows with its limit, not with its length', () => {
    const before = performance.now();
    for (let i = 0; i < 100; i++) visible(`\x1b${'\u0301 '.repeat(500_000)}`);
    assert.ok(performance.now() - before < 5_000);
  });
});
