// Raises a problem if the name servers fail although the robot is connected. The agent then uses the addresses that the broker had last, and
// the broker may leave them at any time.
import { every } from '../base/index.ts';
import type { Problems } from '../status/index.ts';
import type { ConnectError } from './connectError.ts';

/** How often to ask the name servers again after they have failed. */
export const ASK_EVERY_MS = 60_000;

interface Names {
  /** Why the last addresses are not from the name servers; undefined if they are. */
  readonly nameFault: ConnectError | undefined;
  /** Asks the name servers again. Never rejects. */
  askNames(): Promise<void>;
}

/** Watches during a connection. @param ended resolves once the connection has ended. */
export function watchNames(names: Names, problems: Pick<Problems, 'raise' | 'clear'>, ended: Promise<unknown>): void {
  const look = async () => {
    if (!names.nameFault) return;
    await names.askNames();
    const { nameFault } = names;
    if (nameFault) problems.raise('name_servers_silent', `${nameFault.message}; the agent uses the last known addresses`, '', 'warning');
    else problems.clear('name_servers_silent');
  };
  const ticker = every(ASK_EVERY_MS, () => void look());
  void ended.then(() => ticker.stop());
}
