import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readOptions } from './options.ts';
import { seeded } from './random.ts';

const KNOWN = ['kill', 'broker'];

describe('the command line of the fault campaigns', () => {
  it('reads a campaign, its runs and its seed', () => {
    assert.deepEqual(readOptions(['kill', '--runs', '300', '--seed', '7', '--json'], KNOWN), {
      name: 'kill',
      json: true,
      seed: 7,
      runs: 300,
      forMs: undefined,
      only: undefined,
    });
    assert.deepEqual(readOptions(['kill', '--only', 'power,halt'], KNOWN).only, ['power', 'halt']);
    assert.equal(readOptions(['kill', '--for', '2h'], KNOWN).forMs, 7_200_000);
  });

  it('names its error in one line', () => {
    assert.throws(() => readOptions([], KNOWN), /^Error: name a campaign: kill, broker$/);
    assert.throws(() => readOptions(['flood'], KNOWN), /there is no campaign "flood"; there are: kill, broker/);
    assert.throws(() => readOptions(['kill', '--runs', '0'], KNOWN), /--runs 0: expected a whole number of at least 1/);
    assert.throws(() => readOptions(['kill', 'broker'], KNOWN), /one campaign at a time/);
    assert.throws(() => readOptions(['kill', '--fast'], KNOWN), /--fast/);
    assert.throws(() => readOptions(['kill', '--for', '30'], KNOWN), /--for 30: expected a time such as 90s, 30m or 2h/);
  });

  it('gives the same moments for the same seed', () => {
    const moments = (seed: number) => {
      const random = seeded(seed);
      return Array.from({ length: 20 }, () => random.between(50, 1_500));
    };
    assert.deepEqual(moments(3), moments(3));
    assert.notDeepEqual(moments(3), moments(4));
  });
});
