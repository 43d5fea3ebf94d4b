// What a check is, and how they are run: all at once, each with its own deadline, so that one that hangs hides no other.
import { messageOf } from '../errors.ts';

export type Status = 'ok' | 'warning' | 'error' | 'skipped' | 'unknown';

/** One thing that was looked at. */
export interface Finding {
  /** Stable, for programs; where nothing is wrong it is the name of the check. */
  readonly code: string;
  /** unknown: the check itself could not be carried out. */
  readonly status: Status;
  /** With the value. */
  readonly observed: string;
  /** What to do next; null where nothing is to be done. */
  readonly remedy: string | null;
}

export interface Check {
  readonly name: string;
  readonly deadlineMs: number;
  readonly run: () => Promise<readonly Finding[]>;
}

export const ok = (code: string, observed: string): Finding => ({ code, status: 'ok', observed, remedy: null });
export const skipped = (code: string, observed: string): Finding => ({ code, status: 'skipped', observed, remedy: null });
export const warning = (code: string, observed: string, remedy: string): Finding => ({ code, status: 'warning', observed, remedy });
export const problem = (code: string, observed: string, remedy: string): Finding => ({ code, status: 'error', observed, remedy });

/** In the order of the checks, whichever ends first. */
export async function runChecks(checks: readonly Check[]): Promise<Finding[]> {
  return (await Promise.all(checks.map(runOne))).flat();
}

async function runOne({ name, deadlineMs, run }: Check): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly Finding[]>((resolve) => {
    const observed = `no answer within ${deadlineMs / 1_000} s`;
    timer = setTimeout(() => resolve([problem(`${name}_timeout`, observed, 'look at the network between here and there')]), deadlineMs);
  });
  try {
    return await Promise.race([run(), late]);
  } catch (error) {
    return [{ code: name, status: 'unknown', observed: messageOf(error), remedy: 'report it: this is ours' }];
  } finally {
    clearTimeout(timer);
  }
}

/** As of `elderly-bot doctor`: 0 nothing to do, 1 problems, 2 a check could not be carried out. */
export function exitCodeOf(findings: readonly Finding[]): number {
  if (findings.some(({ status }) => status === 'error' || status === 'warning')) return 1;
  return findings.some(({ status }) => status === 'unknown') ? 2 : 0;
}
