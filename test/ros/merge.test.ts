import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HOLD_MS, Merge } from '../../src/ros/merge.ts';

const [LATCHED, RELIABLE, BEST_EFFORT] = [0, 1, 2];

describe('a merge of several readers', () => {
  const start = (readerOf: (publisher: string) => number | undefined) => {
    const delivered: string[] = [];
    const merge = new Merge(readerOf, (bytes, isLate) => delivered.push(`${isLate ? 'late ' : ''}${bytes}`));
    const accept = (reader: number, publisher: string, order: number, nowMs = 0, isNumbered = true) =>
      merge.accept(reader, { publisher, order: BigInt(order), isNumbered }, () => Buffer.from(`${publisher}${order}`), nowMs);
    return { merge, delivered, accept };
  };

  it('delivers each sample once, from the first reader that its publisher matches', () => {
    const { delivered, accept, merge } = start((publisher) => ({ latched: LATCHED, quick: BEST_EFFORT })[publisher]);
    for (const reader of [LATCHED, RELIABLE, BEST_EFFORT]) accept(reader, 'latched', 1);
    for (const reader of [BEST_EFFORT, RELIABLE, LATCHED]) accept(reader, 'latched', 2);
    accept(BEST_EFFORT, 'quick', 1);
    accept(BEST_EFFORT, 'quick', 2);
    assert.deepEqual(delivered, ['latched1', 'latched2', 'quick1', 'quick2']);
    assert.ok(!merge.isHolding);
  });

  it('delivers kept samples before newer ones, also if another reader receives the newer ones first', () => {
    const { delivered, accept } = start(() => LATCHED);
    accept(RELIABLE, 'fall', 3);
    for (const order of [1, 2, 3]) accept(LATCHED, 'fall', order);
    assert.deepEqual(delivered, ['fall1', 'fall2', 'fall3']);
  });

  it('delivers a copy in time if its original never comes, and then no older sample', () => {
    const { delivered, accept, merge } = start(() => LATCHED);
    accept(RELIABLE, 'fall', 2, 100);
    accept(BEST_EFFORT, 'fall', 2, 101);
    accept(RELIABLE, 'fall', 3, 1_000);
    merge.flush(HOLD_MS);
    assert.deepEqual(delivered, []);
    merge.flush(HOLD_MS + 100);
    assert.deepEqual(delivered, ['fall2']);
    accept(LATCHED, 'fall', 1, HOLD_MS + 200);
    accept(LATCHED, 'fall', 3, HOLD_MS + 200);
    assert.deepEqual(delivered, ['fall2', 'fall3']);
  });

  it('delivers a sample late and once that DDS repaired only after a copy of a later sample was due', () => {
    const { delivered, accept, merge } = start(() => RELIABLE);
    accept(RELIABLE, 'fall', 1);
    accept(BEST_EFFORT, 'fall', 4, 10);
    merge.flush(HOLD_MS + 10);
    assert.deepEqual([delivered, merge.lost], [['fall1', 'fall4'], 2]);
    for (const reader of [RELIABLE, BEST_EFFORT]) for (const order of [2, 3, 4, 5]) accept(reader, 'fall', order, 9_000);
    assert.deepEqual([delivered.slice(2), merge.lost], [['late fall2', 'late fall3', 'fall5'], 0]);
  });

  it('awaits no more than the last thousand missing samples', () => {
    const { delivered, accept, merge } = start(() => RELIABLE);
    for (const order of [1, 1_000_000_000, 5, 999_999_999, 999_999_000, 999_998_999]) accept(RELIABLE, 'gas', order);
    assert.deepEqual(delivered, ['gas1', 'gas1000000000', 'late gas999999999', 'late gas999999000']);
    assert.equal(merge.lost, 999_999_996);
  });

  it('delivers a copy before a sample with which the counting reader passed it over', () => {
    const { delivered, accept, merge } = start(() => RELIABLE);
    for (const order of [1, 2, 3]) accept(BEST_EFFORT, 'smoke', order);
    accept(RELIABLE, 'smoke', 3);
    assert.deepEqual(delivered, ['smoke1', 'smoke2', 'smoke3']);
    assert.equal(merge.lost, 0);
  });

  it('delivers samples of a publisher whose clock is set back, if the middleware does not number them', () => {
    const { delivered, accept } = start(() => RELIABLE);
    for (const order of [1_000, 400, 500]) for (const reader of [RELIABLE, BEST_EFFORT]) accept(reader, 'fall', order, 0, false);
    assert.deepEqual(delivered, ['fall1000', 'fall400', 'fall500']);
  });

  it('delivers at once what an unknown publisher sends, whichever reader receives it first', () => {
    let reader: number | undefined;
    const { delivered, accept } = start(() => reader);
    accept(BEST_EFFORT, 'new', 1);
    accept(RELIABLE, 'new', 1);
    reader = RELIABLE;
    accept(BEST_EFFORT, 'new', 2);
    assert.deepEqual(delivered, ['new1']);
    accept(RELIABLE, 'new', 2);
    assert.deepEqual(delivered, ['new1', 'new2']);
  });

  it('counts the samples that no reader received, if their numbers are successive', () => {
    const { merge, accept } = start(() => RELIABLE);
    for (const order of [5, 6, 9]) accept(RELIABLE, 'gas', order);
    accept(RELIABLE, 'stamped', 1_000, 0, false);
    accept(RELIABLE, 'stamped', 9_000, 0, false);
    assert.equal(merge.lost, 2);
  });

  it('keeps no more than a thousand copies, and loses none of them', () => {
    const { merge, delivered, accept } = start(() => LATCHED);
    for (let order = 1; order <= 1_001; order += 1) accept(RELIABLE, 'flood', order);
    assert.equal(delivered.length, 1_001);
    assert.ok(!merge.isHolding);
  });
});
