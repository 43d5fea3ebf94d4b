// Waits for a running agent to reach a state.
import { askStatus, type Status } from '../../src/status/index.ts';
import { eventually } from './until.ts';

/** Polls the agent's status and resolves with the first that fits. */
export async function awaitStatus(stateDir: string, fits: (status: Status) => boolean, patienceMs = 30_000): Promise<Status> {
  const look = () => askStatus(stateDir).catch(() => undefined);
  const found = await eventually(look, (status) => status !== undefined && fits(status), 'the status fits', { patienceMs });
  return found as Status;
}
