import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Expected, type Found, judge } from './books.ts';

const ROBOTS: readonly Expected[] = [
  { thing: 'a', accepted: 10, falls: 1 },
  { thing: 'b', accepted: 5, falls: 0 },
];
const A = { thing: 'a', rows: 10, seqs: 10, last: 10, changed: 0 };
const B = { thing: 'b', rows: 5, seqs: 5, last: 5, changed: 0 };
const EXACT: Found = { stored: [A, B], falls: [{ thing: 'a', count: 1, open: 0 }], poison: 0 };
const RIGHT = { lost: 0, doubled: 0, changed: 0, alertsLost: 0, alertsDoubled: 0, alertsOpen: 0, poison: 0, accepted: 15, alerts: 1 };

describe('the books of the fleet', () => {
  it('are right if each row and each alert is there once', () => {
    assert.deepEqual(judge(ROBOTS, EXACT), RIGHT);
  });

  const wrong: readonly [name: string, found: Partial<Found>, verdict: Partial<typeof RIGHT>][] = [
    ['a missing row', { stored: [{ ...A, rows: 9, seqs: 9 }, B] }, { lost: 1 }],
    ['a robot without rows', { stored: [A] }, { lost: 5 }],
    ['a row that is there twice', { stored: [{ ...A, rows: 11 }, B] }, { doubled: 1 }],
    ['a copy beside a missing row', { stored: [{ ...A, rows: 10, seqs: 9 }, B] }, { lost: 1, doubled: 1 }],
    ['a number that the robot never assigned', { stored: [{ ...A, rows: 11, seqs: 11, last: 11 }, B] }, { doubled: 1 }],
    ['a row of a foreign robot', { stored: [A, B, { ...B, thing: 'c', rows: 1 }] }, { doubled: 1 }],
    ['a changed row', { stored: [{ ...A, changed: 1 }, B] }, { changed: 1 }],
    ['a missing alert', { falls: [] }, { alertsLost: 1 }],
    ['an alert that is there twice', { falls: [{ thing: 'a', count: 2, open: 0 }] }, { alertsDoubled: 1 }],
    ['an alert that nobody raised', { falls: [...EXACT.falls, { thing: 'b', count: 1, open: 0 }] }, { alertsDoubled: 1 }],
    ['a cleared alert that stands', { falls: [{ thing: 'a', count: 1, open: 1 }] }, { alertsOpen: 1 }],
    ['a poisoned message', { poison: 2 }, { poison: 2 }],
  ];
  for (const [name, found, verdict] of wrong) {
    it(`show ${name}`, () => {
      assert.deepEqual(judge(ROBOTS, { ...EXACT, ...found }), { ...RIGHT, ...verdict });
    });
  }
});
