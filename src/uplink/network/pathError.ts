// Describes why paths to the broker did not work, and chooses the failure that shows the cause best. Pure.
import { isIP } from 'node:net';
import { eachReason } from '../../base/index.ts';
import { isIotCoreHost } from '../../identity/index.ts';
import { ConnectError, HANDSHAKE_STALLED } from '../connectError.ts';
import { nameOf, type Path } from './path.ts';

/** Why one path did not work. */
export class PathError extends ConnectError {
  readonly path: Path;

  constructor(path: Path, message: string, reason: string | number | undefined) {
    super(message, reason);
    this.path = path;
  }
}

/** Codes of paths on which no server answered, the most telling first. Any other failure is an answer of a server. */
const NO_SERVER: readonly unknown[] = [
  ...[HANDSHAKE_STALLED, 'ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN'],
  ...['EACCES', 'EPERM', 'EADDRNOTAVAIL', 'ENODEV'],
];

/**
 * Returns an error that names each path with its failure. Its reason is that of the most telling failure.
 * @param nameFault why the addresses are not from the name servers, if so.
 */
export function noPathError(host: string, failures: readonly PathError[], nameFault?: string): ConnectError {
  const name = isIP(host) ? '' : `${host} `;
  const note = nameFault === undefined ? '' : `${nameFault}, so the agent tried the last known addresses; `;
  return new ConnectError(`${note}${name}${failuresText(failures)}`, mostTelling(failures, host)?.reason);
}

/** Returns each reason once, with its paths: `at [::1]:8883 and 127.0.0.1:8883: connection refused`. */
export function failuresText(failures: readonly PathError[]): string {
  const attempts = failures.map(({ message, path }) => ({ text: message, at: nameOf(path) }));
  return eachReason(attempts, (text, paths) => `at ${paths}: ${text}`);
}

/**
 * Returns the failure that shows the cause best. An answer on a port that is only a guess counts only if MQTT was spoken there or for IoT
 * Core: on port 443 of other hosts there is often a web server.
 */
export function mostTelling(failures: readonly PathError[], host: string): PathError | undefined {
  const rank = ({ reason, path }: PathError) => {
    const isOther = path.isGuess && !isIotCoreHost(host) && typeof reason !== 'number';
    return NO_SERVER.indexOf(reason) + (isOther ? NO_SERVER.length : 0);
  };
  return failures.toSorted((a, b) => rank(a) - rank(b))[0];
}
