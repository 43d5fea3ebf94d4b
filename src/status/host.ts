// Decides whether a request names this machine. A web page can make the name of its own server lead to the robot (DNS rebinding), and
// could then read the metrics; the Host header still has the page's name.
import { isIP } from 'node:net';
import { hostname } from 'node:os';

/** Endings that no server on the internet can have: RFC 6761, 6762, 8375, and names that ICANN does not delegate. */
const LOCAL_ENDINGS = ['.localhost', '.local', '.lan', '.home', '.internal', '.home.arpa', '.localdomain'];

/**
 * @param host the Host header. Only programs that are not browsers send none.
 * @param listen the host in `health.listen`.
 */
export function namesThisMachine(host: string | undefined, listen: string, machine: string = hostname()): boolean {
  if (host === undefined) return true;
  const name = host.replace(/:\d{0,5}$/, '').toLowerCase();
  if (isIP(name.replace(/^\[|\]$/g, '')) > 0 || !name.includes('.')) return true;
  return name === machine.toLowerCase() || name === listen.toLowerCase() || LOCAL_ENDINGS.some((ending) => name.endsWith(ending));
}
