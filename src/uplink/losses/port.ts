// Asks whether anything listens at the broker's port. A crashed broker refuses connections for a moment; a broker that gave this robot's
// name to another client, and a proxy with a timeout, accept them.
import { ConnectError } from '../connectError.ts';
import type { Path } from '../network/path.ts';
import { openTcp } from '../network/transport.ts';

const WITHIN_MS = 2_000;

/** Whether a TCP connection over the path is refused now. False if it is accepted, or if that cannot be found out. */
export async function refusesTcp(path: Path): Promise<boolean> {
  try {
    (await openTcp(path, AbortSignal.timeout(WITHIN_MS))).destroy();
    return false;
  } catch (error) {
    return error instanceof ConnectError && error.reason === 'ECONNREFUSED';
  }
}
