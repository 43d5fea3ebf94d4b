// The log of requests: it identifies each request, and contains nothing from its URL, headers or body.
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { pino } from 'pino';
import { Passwords, Tokens } from '../src/auth/credentials.ts';
import { AttemptLimits } from '../src/auth/limits.ts';
import { Api, newPhone, SECRET_KEY } from './support/api.ts';
import { onEachDatabase } from './support/databases.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SECRETS = { password: 'hunter2hunter2', inUrl: 'secret-in-a-url', inBody: 'secret-in-a-body', inHeader: 'secret-in-a-header' };

onEachDatabase('the log of requests', (db) => {
  test('has one line for each request with id, route and status, and never a token, phone, password or URL', async () => {
    const lines: string[] = [];
    const log = pino(
      { level: 'debug' },
      new Writable({
        write(line: Buffer, _encoding, done) {
          lines.push(line.toString());
          done();
        },
      }),
    );
    const api = await Api.open(db(), { log });
    const phone = newPhone();
    try {
      const credentials = { phone, password: SECRETS.password };
      const registered = await api.ask('POST', '/auth/register', { body: credentials, remoteAddress: '10.9.1.1' });
      const { access_token: token } = registered.body as { access_token: string };
      await api.ask('POST', '/auth/register', { body: credentials, remoteAddress: '10.9.1.1' });
      await api.ask('POST', '/auth/login', { body: { phone, password: `${SECRETS.password}!` }, remoteAddress: '10.9.1.1' });
      await api.ask('GET', `/health?token=${SECRETS.inUrl}`, { token });
      await api.ask('GET', `/alerts?thing=${SECRETS.inUrl}`, { token });
      await api.ask('GET', `/${SECRETS.inUrl}/${phone}`, { token: SECRETS.inHeader });
      await api.ask('POST', '/safety', { token, body: { gas: SECRETS.inBody.repeat(5_000) } });
      const payload = `{"${SECRETS.inBody}`;
      await api.app.inject({ method: 'POST', url: '/health', headers: { 'content-type': 'application/json' }, payload });
      assert.deepEqual(
        lines.map((line) => (JSON.parse(line) as { route: string; status: number }).status).sort(),
        [200, 200, 400, 401, 401, 403, 404, 413],
      );
      for (const line of lines) {
        const { event, request_id, route } = JSON.parse(line) as Record<string, string>;
        assert.equal(event, 'request');
        assert.match(request_id ?? '', UUID);
        assert.match(route ?? '', /^(none|\/(auth\/(register|login)|health|alerts|safety))$/);
      }
      for (const secret of [phone, phone.slice(1), token, ...Object.values(SECRETS)]) assert.ok(!lines.join('').includes(secret), secret);
    } finally {
      await api.close();
    }
  });

  test('has the reason of a failure under the id of its request', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) });
    const away = { ...db(), query: () => Promise.reject(new Error('the database is away')) };
    const api = await Api.open(db(), {
      log,
      credentials: { tokens: new Tokens(SECRET_KEY), passwords: new Passwords(4), attempts: new AttemptLimits(away, SECRET_KEY) },
    });
    try {
      const phone = newPhone();
      const { status, body } = await api.ask('POST', '/auth/login', { body: { phone, password: SECRETS.password } });
      assert.deepEqual([status, body], [503, { detail: 'the cloud cannot do this now; try again later' }]);
      const [line] = lines.map((text) => JSON.parse(text) as Record<string, string>);
      assert.deepEqual([line?.event, line?.route, line?.reason], ['request_failed', '/auth/login', 'the database is away']);
      assert.match(line?.request_id ?? '', UUID);
      assert.ok(!lines.join('').includes(phone));
    } finally {
      await api.close();
    }
  });
});
