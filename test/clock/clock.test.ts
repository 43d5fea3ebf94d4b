import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BUILD_FLOOR_MS, isTrusted } from '../../src/clock/index.ts';

const DAY_MS = 86_400_000;

describe('the wall clock', () => {
  it('is not trusted in 1970, nor before the first release', () => {
    assert.equal(isTrusted(0, 0, undefined), false);
    assert.equal(isTrusted(BUILD_FLOOR_MS - 1, 0, true), false);
    assert.equal(isTrusted(BUILD_FLOOR_MS, 0, undefined), true);
  });

  it('is not trusted before a confirmed time, unless the time service reports synchronisation', () => {
    const known = BUILD_FLOOR_MS + 10 * DAY_MS;
    assert.equal(isTrusted(known - DAY_MS, known, undefined), false);
    assert.equal(isTrusted(known - DAY_MS, known, true), true);
    assert.equal(isTrusted(known + DAY_MS, known, false), false);
  });
});
