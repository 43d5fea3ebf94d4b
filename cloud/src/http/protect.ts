// Protects the routes: security headers, CORS for listed origins, and the allow-list of the monitoring routes.
import { BlockList, isIP } from 'node:net';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import type { FastifyRequest } from 'fastify';
import type { App } from './app.ts';
import { HttpError } from './errors.ts';

const NONE = ["'none'"];
/** Seconds that a browser may cache the answer to a preflight request. */
const PREFLIGHT_S = 600;
const LOOPBACK = ['127.0.0.0/8', '::1'];

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

type Guard = (request: FastifyRequest, reply: unknown, done: (error?: Error) => void) => void;

/**
 * An `onRequest` hook that admits this machine and the listed addresses and networks. A forwarded request is checked by the address that
 * the proxy reports. Only a proxy on loopback is trusted.
 */
export function onlyFrom(allowed: readonly string[]): Guard {
  const direct = listOf([...LOOPBACK, ...allowed]);
  const forwarded = listOf(allowed);
  return ({ headers, ip }, _reply, done) => {
    const isForwarded = headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined;
    const address = ip.replace(/^::ffff:/, '');
    const isAllowed = (isForwarded ? forwarded : direct).check(address, familyOf(address));
    done(isAllowed ? undefined : new HttpError(403, 'only this machine and the addresses in MONITOR_ALLOW may read this route'));
  };
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
