// Checks HTTP: the instance on this machine, by its /healthz, and the public address that robots and families reach through nginx.
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { messageOf } from '../../../src/base/index.ts';
import type { Fault } from '../health/index.ts';
import { type Environment, monitorTokenOf } from '../settings/index.ts';
import { type Finding, ok, problem, reachOf, skipped, unreachable, warning } from './check.ts';

const ANSWER_MS = 6_000;
const DAY_MS = 86_400_000;
/** certbot renews 30 days before the expiry, so fewer days mean that it does not run. */
const RENEWED_DAYS = 21;
const SEND_CHAIN = 'nginx must send the whole chain (fullchain.pem) of a certificate for this name';

export async function checkInstance(environment: Environment): Promise<Finding[]> {
  const { HOST = '127.0.0.1', PORT = '8080' } = environment;
  if (PORT === '0') return [skipped('instance', 'PORT=0: the log line cloud_ready shows the port')];
  const url = healthzUrl(HOST, PORT);
  if (!URL.canParse(url)) return [skipped('instance', `${url} is not an address; correct HOST and PORT first`)];
  try {
    const headers = { authorization: `Bearer ${monitorTokenOf(environment)}` };
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(ANSWER_MS) });
    const health = (await answer.json().catch(() => null)) as { status?: string; faults?: readonly Fault[] } | null;
    if (answer.ok && health?.status === 'ok') return [ok('instance', `${url} reports ok`)];
    if (health?.status === 'degraded') {
      return (health.faults ?? [{ text: 'degraded', remedy: 'the instance is of another version: restart it' }]).map(({ text, remedy }) =>
        problem('instance_degraded', `${url}: ${text}`, remedy),
      );
    }
    if (answer.status === 403) {
      const remedy = 'run doctor with the SECRET_KEY and MONITOR_TOKEN of the instance, or restart the instance';
      return [problem('instance_refused', `${url} answered 403, so the instance has other settings`, remedy)];
    }
    const observed = `${url} answered ${answer.status}, so it is not elderly-bot-cloud`;
    return [problem('port_taken', observed, 'another program uses that port: set another PORT')];
  } catch (error) {
    const cause = causeOf(error);
    if (reachOf(cause) === 'refused') {
      return [warning('instance_not_running', `no program listens at ${url}`, 'elderly-bot-cloud serve (journalctl -u elderly-bot-cloud)')];
    }
    return [problem('instance_silent', `${url}: ${messageOf(cause)}`, 'the instance hangs: read its log and restart it')];
  }
}

/** The address of an instance's /healthz on this machine. */
export function healthzUrl(host: string, port: string | number): string {
  const address = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host;
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}/healthz`;
}

export async function checkOrigin(environment: Environment): Promise<Finding[]> {
  return [...trustIn(environment), ...(await reach(environment))];
}

async function reach({ PUBLIC_ORIGIN: origin }: Environment): Promise<Finding[]> {
  if (!origin || !URL.canParse(origin))
    return [skipped('origin', 'PUBLIC_ORIGIN is not set: robots’ tokens must name the address that the cloud listens on')];
  try {
    const certificate = await certificateOf(new URL(origin));
    // With a bad certificate the request would fail too, and the same fault would be reported twice.
    if (certificate.some(({ status }) => status === 'error')) return certificate;
    const answer = await answerOf(origin);
    return [...certificate, answer, ...(answer.status === 'ok' ? await checkMonitoring(origin) : [])];
  } catch (error) {
    return [
      unreachable(origin, causeOf(error), {
        name: ['origin_name', 'create a DNS record for it, or correct PUBLIC_ORIGIN'],
        refused: ['origin_refused', 'start nginx (nginx -t, systemctl status nginx)'],
        timeout: ['origin_timeout', 'open port 443 (and 80 for certbot) in the security group of this machine'],
        tls: ['origin_certificate', SEND_CHAIN],
        other: ['origin_failed', "read nginx's error log"],
      }),
    ];
  }
}

/** The error behind a failed `fetch`, or the error itself. */
function causeOf(error: unknown): unknown {
  return (error as { cause?: unknown }).cause ?? error;
}

async function answerOf(origin: string): Promise<Finding> {
  const { status } = await fetch(`${origin}/openapi.json`, { signal: AbortSignal.timeout(ANSWER_MS) });
  if (status === 200) return ok('origin', `${origin} answers`);
  if ([502, 503, 504].includes(status)) {
    const remedy = 'start an instance, and compare PORT with upstream in the nginx site (cloud/deploy/README.md)';
    return problem('origin_bad_gateway', `${origin} answered ${status}: nginx reaches no instance`, remedy);
  }
  const observed = `${origin}/openapi.json answered ${status}, so it is not elderly-bot-cloud`;
  return problem('origin_other', observed, 'check server_name and proxy_pass in the nginx site');
}

/** A proxy that passes these routes on opens them, if this machine may read them without a token. */
async function checkMonitoring(origin: string): Promise<Finding[]> {
  const { status } = await fetch(`${origin}/metrics`, { signal: AbortSignal.timeout(ANSWER_MS) });
  if (status !== 200) return [];
  const remedy = 'let the proxy refuse /metrics and /healthz (cloud/deploy/nginx.conf), and take its address out of MONITOR_ALLOW';
  return [problem('monitoring_open', `${origin}/metrics answers without a token`, remedy)];
}

/** The cloud has no TLS of its own, so an address with https is that of a proxy. */
function trustIn({ PUBLIC_ORIGIN: origin, TRUST_PROXY: proxies }: Environment): Finding[] {
  if (proxies || !origin?.startsWith('https:')) return [];
  const observed = 'TRUST_PROXY is not set, so all callers behind the proxy count as one network';
  return [warning('proxy_not_trusted', observed, 'set TRUST_PROXY to the addresses of the proxy; 127.0.0.1,::1 for nginx on this machine')];
}

async function certificateOf({ protocol, hostname, port }: URL): Promise<Finding[]> {
  if (protocol !== 'https:') return [];
  const socket = await new Promise<TLSSocket>((resolve, reject) => {
    // The connection accepts any certificate, so that the check can report the fault.
    const options = { host: hostname, port: Number(port || 443), servername: hostname, rejectUnauthorized: false, timeout: ANSWER_MS };
    const connecting = connectTls(options, () => resolve(connecting));
    connecting.once('error', reject);
    connecting.once('timeout', () => connecting.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })));
  });
  const { valid_to: until } = socket.getPeerCertificate();
  const daysLeft = Math.floor((Date.parse(until) - Date.now()) / DAY_MS);
  const reason = socket.authorized ? null : String(socket.authorizationError);
  socket.destroy();
  const renew = 'certbot renew, then systemctl reload nginx; certbot.timer should do this automatically';
  if (daysLeft < 0) return [problem('origin_certificate_expired', `the certificate of ${hostname} was valid until ${until}`, renew)];
  if (reason) return [problem('origin_certificate', `the certificate of ${hostname} is not trusted: ${reason}`, SEND_CHAIN)];
  if (daysLeft >= RENEWED_DAYS) return [];
  return [warning('origin_certificate_expires', `the certificate of ${hostname} is valid until ${until}, ${daysLeft} days`, renew)];
}
