// Access to the routes for monitoring: from the machine itself and from the allow-list. A forwarded request counts for the address that
// the proxy names; only a proxy on loopback is trusted.
import { BlockList, isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { HttpError } from './errors.ts';

const LOOPBACK = ['127.0.0.0/8', '::1'];

export type Guard = (request: FastifyRequest, reply: unknown, done: (error?: Error) => void) => void;

export function onlyFrom(allowed: readonly string[]): Guard {
  const direct = listOf([...LOOPBACK, ...allowed]);
  const passedOn = listOf(allowed);
  return (request, _reply, done) => {
    const forwarded = request.headers['x-forwarded-for'] !== undefined || request.headers.forwarded !== undefined;
    const address = request.ip.replace(/^::ffff:/, '');
    const may = (forwarded ? passedOn : direct).check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
    done(may ? undefined : new HttpError(403, 'this route answers only on the machine itself and to MONITOR_ALLOW'));
  };
}

function listOf(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
