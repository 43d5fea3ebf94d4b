import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judge, type Kept, type Published } from '../../scripts/lab/ledgers.ts';

const published: Published[] = Array.from({ length: 10 }, (_, i) => ({ channel: 'temperature', value: 20 + i / 10 }));
const kept: Kept[] = published.map((one, i) => ({ ...one, outbox: 'a', seq: i + 1 }));

describe('the judge of three ledgers', () => {
  it('finds no fault if every row is held or committed', () => {
    const verdict = judge(published, kept.slice(6), kept.slice(0, 8), 0);
    assert.deepEqual([verdict.lost, verdict.doubled, verdict.committed, verdict.held], [0, 0, 8, 2]);
  });

  it('finds a dropped row', () => {
    const verdict = judge(published, [], kept.toSpliced(3, 1), 0);
    assert.equal(verdict.lost, 1);
    assert.match(verdict.examples.join(), /missing 1 x temperature=20.3/);
  });

  it('finds a doubled row, under another name and under the same', () => {
    assert.equal(judge(published, [], [...kept, { ...kept[0], outbox: 'b', seq: 1 } as Kept], 0).doubled, 1);
    assert.equal(judge(published, [], [...kept, kept[0] as Kept], 0).doubled, 1);
  });

  it('counts rows that were declared as evicted', () => {
    assert.equal(judge(published, [], kept.slice(2), 2).lost, 0);
    assert.equal(judge(published, [], kept.slice(2), 1).lost, 1);
  });
});
