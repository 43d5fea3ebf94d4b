// What every answer carries: headers that keep a browser from guessing, framing or caching it, and CORS, which is closed unless
// origins are named.
import type { App } from './app.ts';

const ALWAYS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Seconds that a browser may remember a preflight. */
const PREFLIGHT_S = 600;

/** @param origins exactly as browsers say them, such as `https://family.example.org`. */
export function protect(app: App, origins: readonly string[]): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers({ ...ALWAYS, 'x-request-id': request.id });
    const { origin } = request.headers;
    if (origins.length > 0) reply.header('vary', 'Origin');
    if (origin !== undefined && origins.includes(origin)) {
      reply.headers({
        'access-control-allow-origin': origin,
        'access-control-expose-headers': 'Retry-After, X-Request-Id',
        'cross-origin-resource-policy': 'cross-origin',
      });
      if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
        void reply
          .headers({
            'access-control-allow-methods': 'GET, POST',
            'access-control-allow-headers': 'Authorization, Content-Type, Last-Event-ID',
            'access-control-max-age': String(PREFLIGHT_S),
          })
          .code(204)
          .send();
        return;
      }
    }
    done();
  });
}
