// The status socket, which answers `elderly-bot status`, `reload` and `certs rotate`. The agent starts even if the socket cannot be opened;
// then these commands do not work.

import { messageOf } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import type { Logger } from '../../logs/index.ts';
import { type Reloaded, type Status, StatusSocket } from '../../status/index.ts';
import type { RunningIdentity } from '../identity/watch.ts';

export interface SocketParts {
  readonly stateDir: string;
  readonly status: () => Status;
  readonly reload: () => Reloaded;
  readonly identity: RunningIdentity;
  readonly log: Logger;
}

/** @returns closes the socket. */
export async function startSocket({ stateDir, status, reload, identity, log }: SocketParts): Promise<() => void | Promise<void>> {
  const socket = new StatusSocket(stateDir, status, {
    reload,
    rotate: async () => {
      const { slot, certificateId } = await identity.rotate();
      return { slot, certificate_id: certificateId };
    },
  });
  try {
    await socket.start();
    return () => socket.stop();
  } catch (error) {
    const text = error instanceof AgentError ? error.line : messageOf(error);
    log.error({ event: 'no_status_socket' }, `elderly-bot status will not work: ${text}`);
    return () => {};
  }
}
