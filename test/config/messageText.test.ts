import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseMessage } from '../../src/config/index.ts';

describe('a message that a person writes', () => {
  it('has its fields as YAML, in flow or block style', () => {
    const expected = { linear: { x: 0.5 }, names: ['a', 'b'], on: true };
    assert.deepEqual(parseMessage('{linear: {x: 0.5}, names: [a, b], on: true}'), expected);
    assert.deepEqual(parseMessage('linear:\n  x: 0.5\nnames: [a, b]\non: true\n'), expected);
  });

  it('has only default values if the text is empty', () => {
    assert.deepEqual(parseMessage(''), {});
    assert.deepEqual(parseMessage('{}'), {});
  });

  it('keeps an integer exactly, however large it is', () => {
    assert.deepEqual(parseMessage('{small: 3, nested: [{large: -9007199254740993}]}'), {
      small: 3,
      nested: [{ large: -9007199254740993n }],
    });
  });

  for (const [title, text, fault] of [
    ['an open brace', '{data: true', /^the message is not YAML: character 12: /],
    ['an unknown anchor', '{data: *stars}', /^the message is not YAML: /],
    ['a key that occurs twice', '{data: 1, data: 2}', /unique/],
  ] as const) {
    it(`is refused with ${title}, and the error shows how to write it`, () => {
      assert.throws(() => parseMessage(text), { code: 'ROS_MESSAGE_INVALID', message: fault, remedy: /'\{data: true\}'/ });
    });
  }
});
