import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseJson } from '../../src/base/index.ts';

it('parses JSON from text and from bytes, and returns undefined for any other input', () => {
  assert.deepEqual(parseJson('{"a":[1]}'), { a: [1] });
  assert.equal(parseJson(Buffer.from('"Tür"')), 'Tür');
  assert.equal(parseJson('null'), null);
  for (const bad of [undefined, '', '{', Buffer.from([0x22, 0xff, 0x22])]) assert.equal(parseJson(bad), undefined);
});
