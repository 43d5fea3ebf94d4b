import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { account, type Books, type Row } from '../support/account.ts';

const rows: Row[] = Array.from({ length: 10 }, (_, i) => ({ outbox: 'a', seq: i + 1, content: `temperature=${i}` }));
const books = (over: Partial<Books>): Books => ({
  accepted: new Map([['a', 10]]),
  seen: rows,
  held: [],
  committed: rows,
  evicted: new Map(),
  ...over,
});

describe('the accounting of a campaign', () => {
  it('finds no fault if every number is committed, held or declared', () => {
    const { lost, doubled, committed, held, evicted } = account(
      books({ committed: rows.slice(0, 6), held: rows.slice(4, 8), evicted: new Map([['a', [[9, 10]]]]) }),
    );
    assert.deepEqual({ lost, doubled, committed, held, evicted }, { lost: 0, doubled: 0, committed: 6, held: 2, evicted: 2 });
  });

  it('finds a lost row', () => {
    const { lost, examples } = account(books({ committed: rows.toSpliced(3, 1) }));
    assert.equal(lost, 1);
    assert.match(examples.join(), /a\/4 of 10 is nowhere/);
  });

  it('finds a doubled row, a changed row, and a number that was never assigned', () => {
    assert.equal(account(books({ committed: [...rows, ...rows.slice(0, 1)] })).doubled, 1);
    assert.equal(account(books({ seen: [{ outbox: 'a', seq: 1, content: 'temperature=99' }] })).doubled, 1);
    assert.equal(account(books({ committed: [...rows, { outbox: 'a', seq: 11, content: '' }] })).doubled, 1);
    assert.equal(account(books({ committed: [...rows, { outbox: 'b', seq: 1, content: '' }] })).doubled, 1);
  });
});
