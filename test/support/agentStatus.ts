// Waits for a running agent to reach a state.
import { askStatus, type Status } from '../../src/status/index.ts';
import { eventually } from './until.ts';

/** Polls the agent's status and resolves with the first that fits. */
export async function awaitStatus(stateDir: string, fits: (status: Status) => boolean, patienceMs = 90_000): Promise<Status> {
  let last: Status | undefined;
  const look = async () => {
    last = await askStatus(stateDir).catch(() => undefined);
    return last;
  };
  // The parts that explain most failures; the whole status would be cut.
  const explain = () => JSON.stringify(last && { problems: last.problems, outbox: last.outbox, channels: last.channels });
  const found = await eventually(look, (status) => status !== undefined && fits(status), 'the status fits', { patienceMs, explain });
  return found as Status;
}
