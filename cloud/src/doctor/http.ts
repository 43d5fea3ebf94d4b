// HTTP: the instance on this machine, by its own /healthz, and the address that robots and families use, through nginx.

import { connect as connectTls, type TLSSocket } from 'node:tls';
import { messageOf } from '../../../src/base/index.ts';
import type { Environment } from '../settings/index.ts';
import { type Finding, ok, problem, skipped, warning } from './check.ts';
import { reachOf } from './network.ts';

const ANSWER_MS = 6_000;
const DAY_MS = 86_400_000;
/** certbot renews 30 days before the end, so fewer days left mean that it does not run. */
const RENEWED_DAYS = 21;

export async function checkInstance({ HOST = '127.0.0.1', PORT = '8080' }: Environment): Promise<Finding[]> {
  if (PORT === '0') return [skipped('instance', 'PORT=0: where it listens is in its log line cloud_ready')];
  const host = HOST === '0.0.0.0' || HOST === '::' ? '127.0.0.1' : HOST;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${PORT}/healthz`;
  if (!URL.canParse(url)) return [skipped('instance', `${url} is no address: PORT and HOST have to be mended first`)];
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    const health = (await answer.json().catch(() => null)) as { status?: string; database?: string; broker?: string } | null;
    if (answer.ok && health?.status === 'ok') return [ok('instance', `${url} says ok`)];
    if (health?.status === 'degraded') {
      const broker =
        health.broker === 'subscribed'
          ? []
          : ['its log line broker_lost says why it is not subscribed; the policy has to allow $share/ingest/'];
      return [
        problem(
          'instance_degraded',
          `${url}: database ${health.database}, broker ${health.broker}`,
          broker[0] ?? "look at the database's line here",
        ),
      ];
    }
    return [
      problem(
        'port_taken',
        `${url} answered ${answer.status}, and is no elderly-bot-cloud`,
        'another program has that port: set another PORT',
      ),
    ];
  } catch (error) {
    const reach = reachOf((error as { cause?: unknown }).cause ?? error);
    if (reach === 'refused')
      return [warning('instance_not_running', `nobody listens at ${url}`, 'elderly-bot-cloud serve (journalctl -u elderly-bot-cloud)')];
    return [
      problem(
        'instance_silent',
        `${url}: ${messageOf((error as { cause?: unknown }).cause ?? error)}`,
        'it hangs: look at its log, restart it',
      ),
    ];
  }
}

export async function checkOrigin({ PUBLIC_ORIGIN: origin }: Environment): Promise<Finding[]> {
  if (!origin || !URL.canParse(origin))
    return [skipped('origin', 'PUBLIC_ORIGIN is not set: robots’ tokens are taken for the address that it listens on')];
  try {
    const certificate = await certificateOf(new URL(origin));
    // With a bad one nothing is answered, which would be said as well.
    if (certificate.some(({ status }) => status === 'error')) return certificate;
    return [...certificate, await answerOf(origin)];
  } catch (error) {
    return [whyNot(origin, (error as { cause?: unknown }).cause ?? error)];
  }
}

async function answerOf(origin: string): Promise<Finding> {
  const { status } = await fetch(`${origin}/openapi.json`, { signal: AbortSignal.timeout(ANSWER_MS) });
  if (status === 200) return ok('origin', `${origin} answers`);
  if ([502, 503, 504].includes(status)) {
    return problem(
      'origin_bad_gateway',
      `${origin} answered ${status}: nginx reaches no instance`,
      'start one, and compare PORT with upstream in the nginx site (cloud/deploy/README.md)',
    );
  }
  return problem(
    'origin_other',
    `${origin}/openapi.json answered ${status}, and is no elderly-bot-cloud`,
    'check server_name and proxy_pass in the nginx site',
  );
}

async function certificateOf({ protocol, hostname, port }: URL): Promise<Finding[]> {
  if (protocol !== 'https:') return [];
  const socket = await new Promise<TLSSocket>((resolve, reject) => {
    // Not refused here, so that the reason can be told.
    const one = connectTls(
      { host: hostname, port: Number(port || 443), servername: hostname, rejectUnauthorized: false, timeout: ANSWER_MS },
      () => resolve(one),
    );
    one.once('error', reject);
    one.once('timeout', () => one.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })));
  });
  const { valid_to: until } = socket.getPeerCertificate();
  const left = Math.floor((Date.parse(until) - Date.now()) / DAY_MS);
  const why = socket.authorized ? null : String(socket.authorizationError);
  socket.destroy();
  const renew = 'certbot renew, then systemctl reload nginx; certbot.timer should do it by itself';
  if (left < 0) return [problem('origin_certificate_expired', `the certificate of ${hostname} was good until ${until}`, renew)];
  if (why)
    return [
      problem(
        'origin_certificate',
        `the certificate of ${hostname} is refused: ${why}`,
        'nginx has to send the whole chain (fullchain.pem), for this name',
      ),
    ];
  if (left < RENEWED_DAYS)
    return [warning('origin_certificate_expires', `the certificate of ${hostname} is good until ${until}, ${left} days`, renew)];
  return [];
}

function whyNot(origin: string, error: unknown): Finding {
  switch (reachOf(error)) {
    case 'name':
      return problem('origin_name', `${origin}: there is no such host`, 'make a DNS record for it, or correct PUBLIC_ORIGIN');
    case 'refused':
      return problem('origin_refused', `${origin}: nobody listens there`, 'start nginx (nginx -t, systemctl status nginx)');
    case 'timeout':
      return problem(
        'origin_timeout',
        `${origin}: no answer to a connect`,
        'open port 443 (and 80 for certbot) in the security group of this machine',
      );
    case 'tls':
      return problem(
        'origin_certificate',
        `${origin}: ${messageOf(error)}`,
        'nginx has to send the whole chain (fullchain.pem), for this name',
      );
    default:
      return problem('origin_failed', `${origin}: ${messageOf(error)}`, "look at nginx's error log");
  }
}
