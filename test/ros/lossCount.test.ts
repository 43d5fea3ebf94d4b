import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LossCount } from '../../src/ros/lossCount.ts';

describe('the count of lost samples', () => {
  /** Takes samples. Every third shows its number. */
  const take = (count: LossCount, publisher: string, orders: readonly number[]) => {
    for (const [n, order] of orders.entries()) {
      if (n % 3 === 2) count.takeFrom({ publisher, order: BigInt(order), isNumbered: true });
      else count.take();
    }
  };

  it('is exact for one publisher, up to the last number', () => {
    const count = new LossCount();
    take(count, 'a', [1, 2, 3, 4, 5, 6]);
    assert.equal(count.lost, 0);
    take(count, 'a', [10, 11, 12, 20, 30, 31]);
    assert.equal(count.lost, 3 + 7 + 9);
  });

  it('starts again with a new publisher, and keeps its sum', () => {
    const count = new LossCount();
    take(count, 'a', [1, 2, 3, 5, 6, 7]);
    take(count, 'b', [1, 2, 3, 4, 5, 6]);
    assert.equal(count.lost, 1);
    take(count, 'b', [8, 9, 10]);
    assert.equal(count.lost, 2);
  });

  it('never exceeds the losses of several publishers', () => {
    const count = new LossCount();
    let lost = 0;
    for (let round = 0; round < 200; round += 1) {
      const from = Math.floor(round / 2) * 10;
      take(count, 'ab'.charAt(round % 2), [from + 1, from + 2, from + 3, from + 9]);
      lost += 6;
      assert.ok(count.lost <= lost, `${count.lost} of ${lost}`);
    }
    assert.ok(count.lost > lost / 2, `${count.lost} of ${lost}`);
  });

  it('is zero without sequence numbers', () => {
    const count = new LossCount();
    for (const order of [1n, 100n]) count.takeFrom({ publisher: 'a', order, isNumbered: false });
    assert.equal(count.lost, 0);
  });
});
