// Protects the routes: security headers, CORS for listed origins, and the guard of the monitoring routes.
import { createHash, timingSafeEqual } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import type { FastifyRequest } from 'fastify';
import type { App } from './app.ts';
import { HttpError } from './errors.ts';

const NONE = ["'none'"];
/** Seconds that a browser may cache the answer to a preflight request. */
const PREFLIGHT_S = 600;
/** A proxy that keeps the caller's Host gives itself away. */
const LOCAL_HOST = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/;
/** A proxy may add each of them. */
const FORWARDING = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'];

/**
 * Sets the headers of every answer: no content sniffing, no framing, no caching, no scripts.
 * @param origins exactly as browsers send them, such as `https://family.example.org`. An empty list switches CORS off.
 */
export async function protect(app: App, origins: readonly string[]): Promise<void> {
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers({ 'cache-control': 'no-store', 'x-request-id': request.id });
    done();
  });
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: NONE, frameAncestors: NONE, baseUri: NONE, formAction: NONE },
    },
    xFrameOptions: { action: 'deny' },
  });
  if (origins.length === 0) return;
  await app.register(cors, {
    // With a function, the preflight of an unlisted origin is refused like any unknown method.
    origin: async (origin: string | undefined) => origin !== undefined && origins.includes(origin),
    methods: ['GET', 'POST'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'Last-Event-ID'],
    exposedHeaders: ['Retry-After', 'X-Request-Id'],
    maxAge: PREFLIGHT_S,
    strictPreflight: false,
  });
}

/** The readers of the monitoring routes; settings.ts explains the fields. */
export interface MonitorAccess {
  readonly trustProxy: readonly string[];
  readonly isProxied: boolean;
  readonly monitorAllow: readonly string[];
  readonly monitorToken: string;
}

type Guard = (request: FastifyRequest, reply: unknown, done: (error?: Error) => void) => void;

/**
 * An `onRequest` hook for the monitoring routes. It admits a request with the token; one from the listed addresses; and one from this machine, unless
 * there is a proxy. A proxy that does not name its caller might speak for anybody, so its own address admits nothing.
 */
export function onlyMonitors({ trustProxy, isProxied, monitorAllow, monitorToken }: MonitorAccess): Guard {
  const [proxies, listed] = [listOf(trustProxy), listOf(monitorAllow)];
  const expected = sha256(`Bearer ${monitorToken}`);
  const isAllowed = ({ headers, ip, socket }: FastifyRequest): boolean => {
    if (timingSafeEqual(sha256(headers.authorization ?? ''), expected)) return true;
    if (has(proxies, ip)) return false;
    if (FORWARDING.some((name) => headers[name] !== undefined)) return has(proxies, socket.remoteAddress) && has(listed, ip);
    return has(listed, ip) || (!isProxied && isLoopback(ip) && LOCAL_HOST.test(headers.host ?? ''));
  };
  return (request, _reply, done) =>
    done(isAllowed(request) ? undefined : new HttpError(403, 'this route needs MONITOR_TOKEN, or an address in MONITOR_ALLOW'));
}

const LOOPBACK = listOf(['127.0.0.0/8', '::1']);

export function isLoopback(address: string): boolean {
  return has(LOOPBACK, address);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function has(list: BlockList, address = ''): boolean {
  const bare = address.replace(/^::ffff:/, '');
  return isIP(bare) > 0 && list.check(bare, familyOf(bare));
}

function listOf(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/');
    if (bits === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(bits), familyOf(address));
  }
  return list;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
