// Tests the translation of conditions for a boolean, and the words around a suggested line.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { parseComparison } from '../../src/config/condition.ts';
import { booleanLine, configSchema, inWords, UNKNOWN_LIMIT, UNKNOWN_TEXT } from '../../src/config/index.ts';

/** The boolean that means danger, for each condition. */
const CERTAIN = {
  true: ['== 1', '!= 0', '> 0', '>= 1', '>= 0.5', '== True', '== on', '== yes', '!= False', '!= off', '!= no', '== "1"', '!= "0"'],
  false: ['== 0', '!= 1', '< 1', '<= 0', '< 0.5', '== False', '== off', '== no', '!= True', '!= on', '!= yes', '== "0"', '!= "1"'],
} as const;

/** These conditions do not distinguish the two booleans, so the line names its assumption. */
const ASSUMED = {
  true: ['> 5', '> 1', '>= 0', '== 2', '!= 2', '== FALL', '!= None', '!= ok', '!= closed'],
  false: ['< 5', '<= 1', '< 0', '== None', '== ok', '== clear'],
} as const;

const lineFor = (text: string) => booleanLine(parseComparison(text) ?? assert.fail(text));

describe('a condition on a boolean', () => {
  for (const meaning of ['true', 'false'] as const) {
    it(`means ${meaning} if only ${meaning} meets it`, () => {
      for (const text of CERTAIN[meaning]) assert.equal(lineFor(text), `alert_when: ${meaning}`, text);
    });

    it(`is assumed to mean ${meaning} otherwise, and says so`, () => {
      for (const text of ASSUMED[meaning]) assert.equal(lineFor(text), `alert_when: ${meaning}  # if ${meaning} means danger`, text);
    });
  }
});

describe('a suggested line', () => {
  it('is said to work only if it is complete', () => {
    assert.equal(inWords('field: data'), 'this line works: field: data');
    assert.equal(inWords('alert_when: true  # if true means danger'), 'if true means danger, this line works: alert_when: true');
    assert.equal(inWords(UNKNOWN_LIMIT), 'try alert_when: "> N" with the largest harmless value in place of N');
    assert.equal(inWords(UNKNOWN_TEXT), 'try alert_when: "== THE TEXT" with the text that means danger in place of THE TEXT');
  });

  it('with a placeholder is refused until it is filled in', () => {
    for (const line of [UNKNOWN_LIMIT, UNKNOWN_TEXT]) {
      const channels = { a: { topic: '/a', class: 'alert', ...(parse(line) as object) } };
      assert.equal(configSchema.shape.channels.safeParse(channels).success, false, line);
    }
  });
});
