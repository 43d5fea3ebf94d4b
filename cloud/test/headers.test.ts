// The security headers of every answer, and CORS for the listed origins only.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { buildApp } from '../src/http/app.ts';

const FAMILY = 'https://family.example.org';
const log = pino({ level: 'silent' });
const PREFLIGHT = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };

const PROTECTING = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

test('every answer has the security headers and the id of its request', async (t) => {
  const app = await buildApp({ log, corsOrigins: [FAMILY] });
  t.after(() => app.close());
  const answers = await Promise.all([
    app.inject('/openapi.json'),
    app.inject('/nowhere'),
    app.inject({ method: 'DELETE', url: '/docs' }),
    app.inject({ method: 'OPTIONS', url: '/docs', headers: { origin: FAMILY, ...PREFLIGHT } }),
  ]);
  assert.deepEqual(
    answers.map(({ statusCode }) => statusCode),
    [200, 404, 405, 204],
  );
  for (const { headers } of answers) {
    for (const [name, value] of Object.entries(PROTECTING)) assert.equal(headers[name], value, name);
    assert.match(String(headers['x-request-id']), /^[0-9a-f-]{36}$/);
    assert.equal(headers['access-control-allow-credentials'], undefined);
  }
});

test('the page at /docs may use its own styles but no scripts', async (t) => {
  const app = await buildApp({ log, corsOrigins: [] });
  t.after(() => app.close());
  const policy = String((await app.inject('/docs')).headers['content-security-policy']);
  assert.match(policy, /default-src 'none'; style-src 'unsafe-inline'/);
  assert.doesNotMatch(policy, /script/);
});

test('a page of a listed origin may call the API, and read Retry-After and X-Request-Id', async (t) => {
  const app = await buildApp({ log, corsOrigins: ['https://other.example.org', FAMILY] });
  t.after(() => app.close());
  const { headers } = await app.inject({ url: '/openapi.json', headers: { origin: FAMILY } });
  assert.equal(headers['access-control-allow-origin'], FAMILY);
  assert.equal(headers['access-control-expose-headers'], 'Retry-After, X-Request-Id');
  assert.equal(headers.vary, 'Origin');
  const preflight = await app.inject({ method: 'OPTIONS', url: '/alerts', headers: { origin: FAMILY, ...PREFLIGHT } });
  assert.equal(preflight.statusCode, 204);
  assert.equal(preflight.headers['access-control-allow-origin'], FAMILY);
  assert.equal(preflight.headers['access-control-allow-methods'], 'GET, POST');
  assert.equal(preflight.headers['access-control-allow-headers'], 'Authorization, Content-Type, Idempotency-Key, Last-Event-ID');
  assert.equal(preflight.headers['access-control-max-age'], '600');
});

test('a page of another origin gets no CORS header, and its preflight gets 405', async (t) => {
  for (const corsOrigins of [[], [FAMILY]]) {
    const app = await buildApp({ log, corsOrigins });
    t.after(() => app.close());
    for (const origin of ['https://evil.example.org', 'null', `${FAMILY}.evil.org`, 'http://family.example.org']) {
      const { headers } = await app.inject({ url: '/openapi.json', headers: { origin } });
      const preflight = await app.inject({ method: 'OPTIONS', url: '/docs', headers: { origin, ...PREFLIGHT } });
      assert.equal(preflight.statusCode, 405);
      assert.match(preflight.body, /allows only GET/);
      for (const name of [...Object.keys(headers), ...Object.keys(preflight.headers)]) assert.doesNotMatch(name, /^access-control/);
      assert.equal(headers.vary, corsOrigins.length > 0 ? 'Origin' : undefined);
    }
  }
});
