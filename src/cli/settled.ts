// Waits for DDS to discover the robot's nodes, which come one after another.
import { setTimeout as sleep } from 'node:timers/promises';
import { wait } from '../base/index.ts';

export interface DiscoveryLimits {
  /** How long to wait for the first result. */
  readonly firstMs: number;
  /** Discovery has ended once nothing has changed for this long. */
  readonly quietMs: number;
  /** How long discovery may take if something always changes. */
  readonly atMostMs: number;
}

const POLL_MS = 500;

/** Looks again and again until the list has not changed for a while, or the signal is aborted. @returns the last list. */
export async function settled<T>(look: () => readonly T[], limits: DiscoveryLimits, signal?: AbortSignal): Promise<readonly T[]> {
  const startedMs = performance.now();
  let changedMs = startedMs;
  let found: readonly T[] = [];
  const isSettled = () => performance.now() - changedMs >= (found.length > 0 ? limits.quietMs : limits.firstMs);
  while (!isSettled() && performance.now() - startedMs < limits.atMostMs) {
    if (signal === undefined) await sleep(POLL_MS);
    else if (!(await wait(POLL_MS, signal))) break;
    const current = look();
    if (JSON.stringify(current) !== JSON.stringify(found)) changedMs = performance.now();
    found = current;
  }
  return found;
}
