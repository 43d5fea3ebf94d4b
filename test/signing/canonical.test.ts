// The canonical form of a command against the vectors of RFC 8785.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canonicalJson, duplicateKey } from '../../src/signing/canonical.ts';

/** IEEE 754 bits and the JSON number: RFC 8785, appendix B. */
const NUMBERS = [
  ['0000000000000000', '0'],
  ['8000000000000000', '0'],
  ['0000000000000001', '5e-324'],
  ['8000000000000001', '-5e-324'],
  ['7fefffffffffffff', '1.7976931348623157e+308'],
  ['ffefffffffffffff', '-1.7976931348623157e+308'],
  ['4340000000000000', '9007199254740992'],
  ['c340000000000000', '-9007199254740992'],
  ['4430000000000000', '295147905179352830000'],
  ['44b52d02c7e14af5', '9.999999999999997e+22'],
  ['44b52d02c7e14af6', '1e+23'],
  ['44b52d02c7e14af7', '1.0000000000000001e+23'],
  ['444b1ae4d6e2ef4e', '999999999999999700000'],
  ['444b1ae4d6e2ef4f', '999999999999999900000'],
  ['444b1ae4d6e2ef50', '1e+21'],
  ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
  ['3eb0c6f7a0b5ed8d', '0.000001'],
  ['41b3de4355555553', '333333333.3333332'],
  ['41b3de4355555554', '333333333.33333325'],
  ['41b3de4355555555', '333333333.3333333'],
  ['41b3de4355555556', '333333333.3333334'],
  ['41b3de4355555557', '333333333.33333343'],
  ['becbf647612f3696', '-0.0000033333333333333333'],
  ['43143ff3c1cb0959', '1424953923781206.2'],
] as const;

const numberOf = (bits: string) => Buffer.from(bits, 'hex').readDoubleBE();

describe('the canonical form', () => {
  it('writes numbers as appendix B of RFC 8785 does', () => {
    for (const [bits, text] of NUMBERS) assert.equal(canonicalJson([numberOf(bits)]), `[${text}]`, bits);
  });

  it('does not exist for numbers that are not finite', () => {
    for (const bits of ['7fffffffffffffff', '7ff0000000000000']) assert.throws(() => canonicalJson([numberOf(bits)]));
  });

  it('turns the example of section 3.2.2 into that of section 3.2.3', () => {
    const example = String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`;
    const canonical = String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`;
    assert.equal(canonicalJson(JSON.parse(example)), canonical);
  });

  it('sorts keys by UTF-16 code units, as the example in section 3.2.3 does', () => {
    const unsorted = String.raw`{
      "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"
    }`;
    const values = Object.values(JSON.parse(canonicalJson(JSON.parse(unsorted))) as object).map((value) => String(value).split(' ')[0]);
    // JSON.parse puts the key 1 first; the canonical text has it second.
    assert.deepEqual(values, ['One', 'Carriage', 'Control', 'Latin', 'Euro', 'Emoji:', 'Hebrew']);
    assert.match(canonicalJson(JSON.parse(unsorted)), /^\{"\\r":"Carriage Return","1":"One"/);
  });

  it('does not exist for a lone surrogate in a value or in a key', () => {
    for (const text of ['["\\ud800"]', '["\\udead x"]', '{"\\udfff":1}']) assert.throws(() => canonicalJson(JSON.parse(text)), /surrogate/);
    assert.equal(canonicalJson(JSON.parse('["\\ud83d\\ude00"]')), '["😀"]');
  });

  it('keeps a key that is called __proto__', () => {
    assert.equal(canonicalJson(JSON.parse('{"a":1,"__proto__":{"b":2}}')), '{"__proto__":{"b":2},"a":1}');
  });
});

describe('a duplicate key', () => {
  it('is found in each object, also in its escaped spelling', () => {
    for (const text of ['{"a":1,"a":1}', '{"b":[{"a":1,"\\u0061":2}]}', '{"a":{},"b":[],"a":0}', '{"__proto__":1,"__proto__":2}']) {
      assert.ok(duplicateKey(text) !== undefined, text);
    }
  });

  it('is not found among equal keys of different objects, or in texts', () => {
    for (const text of [
      '{"a":{"a":1},"b":{"a":1}}',
      '[{"a":1},{"a":1}]',
      '{"a":"\\"a\\":1,","b":"{\\"a\\":1"}',
      '{"a":"x\\\\","b":"a"}',
      '7',
    ]) {
      assert.equal(duplicateKey(text), undefined, text);
    }
  });
});
