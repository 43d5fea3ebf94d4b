// The time of a login must not reveal who is registered. The test compares the medians of 200 logins with unknown phones and 200 with wrong
// passwords. They alternate, so that other load on the machine affects both alike. The same comparison detects a faulty implementation.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Passwords, Tokens } from '../src/auth/credentials.ts';
import { AttemptLimits, RATE_LIMITS } from '../src/auth/limits.ts';
import type { Database } from '../src/database/database.ts';
import { migrate } from '../src/database/migrate.ts';
import { pgliteDatabase } from '../src/database/pglite.ts';
import { Api, newPhone, SECRET_KEY } from './support/api.ts';

const EACH = 200;
/** Fewer logins are enough to show a real difference. */
const FEW = 40;
/** With this cost the hash dominates the time of a login, as with cost 12, but the test takes only seconds. */
const COST = 7;
/** A share of the median. Without a real difference, medians of 200 logins differ by a few percent. */
const NOISE = 0.2;
const NO_LIMIT = { windowS: 900, perPhone: 1e6, perPhoneAnywhere: 1e6, perNetwork: 1e6, all: 1e6 };

/** A faulty implementation that hashes nothing for an unknown phone. */
class HastyPasswords extends Passwords {
  override matches(password: string, hash: string | null): Promise<boolean> {
    return hash === null ? Promise.resolve(false) : super.matches(password, hash);
  }
}

describe('the time of a login', () => {
  let db: Database;

  before(async () => {
    db = await pgliteDatabase('memory:');
    await migrate(db);
  });
  after(() => db.close());

  /** The difference of the medians, as a share of the larger median. */
  const difference = async (passwords: Passwords, each: number): Promise<number> => {
    await passwords.prepare();
    const attempts = new AttemptLimits(db, SECRET_KEY, { ...RATE_LIMITS, login: NO_LIMIT, register: NO_LIMIT });
    const api = await Api.open(db, { credentials: { tokens: new Tokens(SECRET_KEY), passwords, attempts } });
    const { phone } = await api.register();
    const times: Record<'unknown' | 'wrong', number[]> = { unknown: [], wrong: [] };
    for (let i = 0; i < 2 * each; i++) {
      const kind = i % 2 ? 'unknown' : 'wrong';
      const body = { phone: kind === 'wrong' ? phone : newPhone(), password: 'not this one' };
      const startedMs = performance.now();
      const { status } = await api.ask('POST', '/auth/login', { body });
      times[kind].push(performance.now() - startedMs);
      assert.equal(status, 401);
    }
    await api.close();
    const [unknown, wrong] = [median(times.unknown), median(times.wrong)];
    return Math.abs(unknown - wrong) / Math.max(unknown, wrong);
  };

  test(`is the same for ${EACH} unknown phones and ${EACH} wrong passwords, within noise`, async () => {
    const share = await difference(new Passwords(COST), EACH);
    assert.ok(share < NOISE, `the medians differ by ${Math.round(share * 100)} %`);
  });

  test('differs measurably if nothing is hashed for an unknown phone', async () => {
    const share = await difference(new HastyPasswords(COST), FEW);
    assert.ok(share > NOISE, `the medians differ by ${Math.round(share * 100)} %`);
  });
});

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
