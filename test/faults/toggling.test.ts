import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { countedFrom } from './toggling.ts';

const ENOUGH_MS = 8_000;
const s = (seconds: number): number => seconds * 1e9;
const TURNS = [
  { isUp: false, ns: s(20) },
  { isUp: true, ns: s(40) },
  { isUp: false, ns: s(60) },
  { isUp: true, ns: s(80) },
];
const from = (fell: number, arrived: number) => countedFrom(s(fell), s(arrived), TURNS, ENOUGH_MS) / 1e9;

describe('the time of an alert on a link that toggles', () => {
  it('counts from the fall while the link stays up for long enough', () => {
    assert.equal(from(5, 6), 5);
    assert.equal(from(5, 45), 5);
    assert.equal(from(90, 91), 90);
  });

  it('counts from the fall if the alert arrives just before the link goes down', () => {
    assert.equal(from(19, 19.5), 19);
  });

  it('counts from the first return if the link was down, or went down too soon', () => {
    assert.equal(from(25, 41), 40);
    assert.equal(from(19, 41), 40);
    assert.equal(from(45, 90), 45);
    assert.equal(from(55, 90), 80);
  });
});
