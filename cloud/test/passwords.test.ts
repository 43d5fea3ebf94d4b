import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Passwords } from '../src/auth/credentials.ts';
import { HttpError } from '../src/http/index.ts';

/** The least cost of bcrypt. */
const QUICK = 4;

describe('many logins at once', () => {
  it('are checked one by one, and those beyond the queue get a 503', async () => {
    const passwords = new Passwords(QUICK);
    const hash = await passwords.hash('right');
    const tries = await Promise.allSettled(Array.from({ length: 100 }, (_, i) => passwords.matches(i === 0 ? 'right' : 'wrong', hash)));
    const answers = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const refusals = tries.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
    assert.deepEqual(answers, [true, ...Array<boolean>(16).fill(false)]);
    assert.equal(refusals.length, 83);
    for (const refusal of refusals) {
      assert.ok(refusal instanceof HttpError);
      assert.deepEqual([refusal.statusCode, refusal.retryAfterS], [503, 5]);
    }
    assert.equal(await passwords.matches('right', hash), true);
  });
});
