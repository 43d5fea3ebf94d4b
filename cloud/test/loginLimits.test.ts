// Logins are limited by phone, by network and together, and guesses of strangers do not lock out the owner of a phone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RATE_LIMITS } from '../src/auth/limits.ts';
import { Api, newPhone } from './support/api.ts';
import { onEachDatabase } from './support/databases.ts';

onEachDatabase('the limits of logins', (db) => {
  let api: Api;

  before(async () => {
    api = await Api.open(db());
  });

  after(() => api.close());

  test('too many logins of one phone in one network are refused by any instance, with the time until the next attempt', async () => {
    const { phone } = await api.register();
    const other = await Api.open(db());
    try {
      const tries = await Promise.all(
        Array.from({ length: 11 }, (_, i) =>
          (i % 2 ? api : other).ask('POST', '/auth/login', { body: { phone, password: 'wrong one' }, remoteAddress: '10.8.0.1' }),
        ),
      );
      const refused = tries.filter(({ status }) => status === 429);
      assert.equal(refused.length, 1);
      const waitS = Number(refused[0]?.headers['retry-after']);
      assert.ok(waitS > 0 && waitS <= 90, `the next attempt is admitted after ${waitS} s, not at the end of the window`);
      const body = { phone, password: 'correct horse' };
      const owner = await other.ask('POST', '/auth/login', { body, remoteAddress: '10.8.0.2' });
      assert.equal(owner.status, 200, 'a stranger who guesses does not lock the owner out');
    } finally {
      await other.close();
    }
  });

  test('a network is an IPv4 address, however it is written, or a /48 of IPv6', async () => {
    const login = { ...RATE_LIMITS.login, windowS: 36_000, perNetwork: 2 };
    const strict = await Api.open(db(), { limits: { ...RATE_LIMITS, login } });
    const statuses: number[] = [];
    for (const remoteAddress of [
      ...['10.7.0.1', '::ffff:10.7.0.1', '::ffff:10.7.0.1', '::ffff:10.7.0.2'],
      ...['2001:db8:7:1::1', '2001:db8:7:2::1', '2001:db8:7:3::1', '2001:db8:8:1::1'],
    ]) {
      const body = { phone: newPhone(), password: 'wrong one' };
      statuses.push((await strict.ask('POST', '/auth/login', { body, remoteAddress })).status);
    }
    await strict.close();
    assert.deepEqual(statuses, [401, 401, 429, 401, 401, 401, 429, 401]);
  });

  test('guesses of strangers do not delay a phone in a network, or with a token, that it has logged in with before', async () => {
    const login = { windowS: 36_000, perPhone: 2, perPhoneAnywhere: 3, perNetwork: 100, all: 10 };
    const strict = await Api.open(db(), { limits: { ...RATE_LIMITS, login } });
    const { phone, token } = await strict.register();
    const log = async (last: number, password: string, bearer?: string) =>
      (await strict.ask('POST', '/auth/login', { body: { phone, password }, remoteAddress: `10.5.0.${last}`, token: bearer ?? null }))
        .status;
    const [right, wrong] = ['correct horse', 'wrong one'];
    assert.equal(await log(1, right), 200);
    const guesses = [];
    for (const last of [2, 2, 2, 3, 4]) guesses.push(await log(last, wrong));
    assert.deepEqual(guesses, [401, 401, 429, 429, 429]);
    assert.equal(await log(5, right), 429, 'a new network waits');
    assert.equal(await log(5, right, token), 200, 'the token shows that the phone has logged in before');
    assert.equal(await log(1, right), 200, 'so does its network');
    const stranger = await strict.register();
    assert.deepEqual([await log(6, wrong, stranger.token), await log(6, wrong, `${token}x`)], [429, 429]);
    assert.deepEqual([await log(6, wrong, token), await log(6, wrong, token)], [401, 429], 'a token has a limit of its own');
    await db().query('delete from attempts');
    await strict.close();
  });

  test('an attempt that its network may not make uses nothing of the limit of the phone', async () => {
    const login = { ...RATE_LIMITS.login, windowS: 36_000, perNetwork: 1, perPhoneAnywhere: 1 };
    const strict = await Api.open(db(), { limits: { ...RATE_LIMITS, login } });
    const phone = newPhone();
    const guess = async (body: object, remoteAddress: string) => (await strict.ask('POST', '/auth/login', { body, remoteAddress })).status;
    assert.equal(await guess({ phone: newPhone(), password: 'wrong one' }, '10.4.0.1'), 401);
    for (let i = 0; i < 3; i++) assert.equal(await guess({ phone, password: 'wrong one' }, '10.4.0.1'), 429);
    assert.equal(await guess({ phone, password: 'wrong one' }, '10.4.0.2'), 401);
    await strict.close();
  });

  test('attempts above the limit of their network use nothing of the budget of all', async () => {
    const login = { ...RATE_LIMITS.login, perNetwork: 2, all: 3 };
    const strict = await Api.open(db(), { limits: { ...RATE_LIMITS, login } });
    const guess = async (remoteAddress: string) =>
      (await strict.ask('POST', '/auth/login', { body: { phone: newPhone(), password: 'wrong one' }, remoteAddress })).status;
    await db().query('delete from attempts');
    const statuses: number[] = [];
    for (const last of [1, 1, 1, 1, 2, 3]) statuses.push(await guess(`10.6.0.${last}`));
    await db().query('delete from attempts');
    await strict.close();
    assert.deepEqual(statuses, [401, 401, 429, 429, 401, 429]);
  });
});
