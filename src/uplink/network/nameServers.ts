// Says why the broker's name has no address: no name server answers, none is configured, or the name does not exist.
import { readFileSync } from 'node:fs';
import { codeOf, listed } from '../../base/index.ts';
import { ConnectError } from '../connectError.ts';

const RESOLV_CONF = '/etc/resolv.conf';

/** @param cause the resolver's error, or that it does not answer in time. */
export function nameError(host: string, cause: unknown): ConnectError {
  const isUnknown = codeOf(cause) === 'ENOTFOUND';
  return new ConnectError(
    isUnknown ? `the name servers know no address of ${host}` : silenceText(host, nameServersIn(resolvConf())),
    isUnknown ? 'ENOTFOUND' : 'EAI_AGAIN',
  );
}

export function silenceText(host: string, servers: readonly string[]): string {
  if (servers.length === 0) return `${RESOLV_CONF} names no name server, so ${host} cannot be resolved`;
  return `the name server${servers.length > 1 ? 's' : ''} ${listed(servers)} did not resolve ${host} (${RESOLV_CONF})`;
}

/** @param text content of resolv.conf. */
export function nameServersIn(text: string): string[] {
  return [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address]) => String(address));
}

/** Returns the empty string if the file does not exist. */
function resolvConf(): string {
  try {
    return readFileSync(RESOLV_CONF, 'utf8');
  } catch {
    return '';
  }
}
