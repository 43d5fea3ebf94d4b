// Tests the pure parts of `elderly-bot topics echo` and `topics hz`: the text of a message, and the figures of a rate.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { FULL, jsonValue, SHORT, yamlLines } from '../../src/cli/topics/format.ts';
import { RateMeter } from '../../src/cli/topics/rate.ts';

const MESSAGE = {
  header: { stamp: { sec: 1, nanosec: 2 }, frame_id: 'say "map"\n: {' },
  empty: {},
  none: [],
  numbers: Float64Array.of(0.5, Number.NaN, Number.NEGATIVE_INFINITY),
  count: 9007199254740993n,
  status: [
    { level: 1, values: [{ key: 'a' }] },
    { level: 2, values: [] },
  ],
};

describe('the text of a message', () => {
  it('is valid YAML with the values of the message', () => {
    const expected = { ...MESSAGE, numbers: [0.5, Number.NaN, Number.NEGATIVE_INFINITY] };
    assert.deepEqual(parse(yamlLines(MESSAGE, SHORT).join('\n'), { intAsBigInt: false }), { ...expected, count: 9007199254740992 });
    assert.match(yamlLines(MESSAGE, SHORT).join('\n'), /^count: 9007199254740993$/m);
  });

  it('is one line for a single value', () => {
    assert.deepEqual(yamlLines(true, SHORT), ['true']);
    assert.deepEqual(yamlLines('x', SHORT), ['"x"']);
    assert.deepEqual(yamlLines(null, SHORT), ['null']);
  });

  it('has the first elements of a long array, and the number of the others', () => {
    const image = { data: new Uint8Array(900), items: Array.from({ length: 20 }, (_, n) => ({ n })) };
    const text = yamlLines(image, SHORT).join('\n');
    assert.match(text, /^data: \[(0, ){16}\.\.\. 884 more\]$/m);
    assert.match(text, /- n: 15\n# 4 more$/);
    assert.equal(yamlLines(image, FULL).join('\n').split('0,').length, 900);
  });

  it('has the first characters of a long text', () => {
    assert.equal(yamlLines({ data: 'x'.repeat(300) }, SHORT)[0]?.length, 'data: ""'.length + 200 + '... 100 more'.length);
  });
});

describe('the JSON value of a message', () => {
  it('has texts for numbers that JSON lacks', () => {
    assert.deepEqual(JSON.parse(JSON.stringify(jsonValue(MESSAGE, SHORT))), {
      ...MESSAGE,
      numbers: [0.5, 'NaN', '-Infinity'],
      count: '9007199254740993',
    });
  });

  it('has the length and the first elements of a long array, or all of them', () => {
    const data = Uint8Array.from({ length: 40 }, (_, n) => n);
    assert.deepEqual(jsonValue({ data }, SHORT), { data: { length: 40, first: [...data.slice(0, 16)] } });
    assert.deepEqual(jsonValue({ data }, FULL), { data: [...data] });
  });
});

describe('the figures of a rate', () => {
  const meterOf = (...atMs: number[]) => {
    const meter = new RateMeter();
    for (const ms of atMs) meter.add(ms, 250);
    return meter;
  };

  it('are the rate, the shortest and longest gap, their standard deviation, and the bandwidth', () => {
    assert.deepEqual(meterOf(1_000, 1_100, 1_400, 1_600).measured(2_000), {
      messages: 4,
      seconds: 1,
      rate: 5,
      gap_min: 0.1,
      gap_max: 0.3,
      gap_std: Math.sqrt(0.02 / 3),
      bytes_per_second: 1_000,
    });
  });

  it('are unknown for fewer than two messages', () => {
    const unknown = { rate: null, gap_min: null, gap_max: null, gap_std: null, bytes_per_second: null };
    assert.deepEqual(meterOf().measured(5_000), { messages: 0, seconds: 0, ...unknown });
    assert.deepEqual(meterOf(4_000).measured(5_000), { messages: 1, seconds: 1, ...unknown });
  });
});
