import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { nearestCause } from '../../src/clock/index.ts';

const READ_ONLY = '/proc/sys/kernel';
const skip = existsSync(READ_ONLY) ? false : 'no /proc';

describe('why a folder can’t be made', () => {
  it('is the nearest folder that is there and refuses, not that it is missing', { skip }, () => {
    let error: unknown;
    try {
      mkdirSync(`${READ_ONLY}/a/b`, { recursive: true });
    } catch (thrown) {
      error = thrown;
    }
    const cause = nearestCause(error, `${READ_ONLY}/a/b`) as NodeJS.ErrnoException;
    assert.match(String(cause.code), /^(EACCES|EROFS|EPERM)$/);
  });

  it('is the error itself where that says it', () => {
    const error = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    assert.equal(nearestCause(error, '/nowhere/at/all'), error);
  });
});
