import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { nearestCause } from '../../src/base/index.ts';

const READ_ONLY = '/proc/self';
const skip = existsSync(READ_ONLY) ? false : 'no /proc';
const MISSING = Object.assign(new Error('no such file or directory'), { code: 'ENOENT' });

describe('why a folder can’t be made', () => {
  // Not made here: Node's recursive mkdir never ends below /proc.
  it('is the nearest folder that is there and refuses, not that it is missing', { skip }, () => {
    const cause = nearestCause(MISSING, `${READ_ONLY}/cmdline/a/b`) as NodeJS.ErrnoException;
    assert.equal(cause.code, 'ENOTDIR');
  });

  it('is the error itself where that says it', () => {
    const error = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    assert.equal(nearestCause(error, '/nowhere/at/all'), error);
  });
});
