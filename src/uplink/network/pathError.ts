// Describes why paths to the broker did not work, and chooses the failure that shows the cause best. Pure.
import { isIotCoreHost } from '../../identity/index.ts';
import { ConnectError } from '../connectError.ts';
import { nameOf, type Path } from './path.ts';

/** Why one path did not work. */
export class PathError extends ConnectError {
  readonly path: Path;

  constructor(path: Path, message: string, reason: string | number | undefined) {
    super(message, reason);
    this.path = path;
  }
}

/** Codes of paths on which nothing answered, the most telling first. Any other failure is an answer of a server. */
const NO_SERVER: readonly unknown[] = ['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'ENODEV'];

/** Returns an error that names each path with its failure. Its reason is that of the most telling failure. */
export function noPathError(host: string, failures: readonly PathError[]): ConnectError {
  const texts = [...new Set(failures.map(({ message }) => message))];
  const pathsOf = (text: string) => failures.filter(({ message }) => message === text).map(({ path }) => nameOf(path));
  return new ConnectError(
    texts.map((text, i) => `${i === 0 ? `${host} ` : ''}at ${pathsOf(text).join(' and ')}: ${text}`).join('; '),
    mostTelling(failures, host)?.reason,
  );
}

/**
 * Returns the failure that shows the cause best. An answer on the second port counts only if MQTT was spoken there or for IoT Core: on port
 * 443 of other hosts there is often a web server.
 */
export function mostTelling(failures: readonly PathError[], host: string): PathError | undefined {
  const rank = ({ reason, path }: PathError) => {
    const isOther = path.port !== failures[0]?.path.port && !isIotCoreHost(host) && typeof reason !== 'number';
    return NO_SERVER.indexOf(reason) + (isOther ? NO_SERVER.length : 0);
  };
  return failures.toSorted((a, b) => rank(a) - rank(b))[0];
}
