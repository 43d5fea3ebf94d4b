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
  readonly seen: string;
  /** What to do next; null where nothing is to be done. */
  readonly do: string | null;
}

export interface Check {
  readonly name: string;
  readonly deadlineMs: number;
  readonly run: () => Promise<readonly Finding[]>;
}

export const ok = (code: string, seen: string): Finding => ({ code, status: 'ok', seen, do: null });
export const skipped = (code: string, seen: string): Finding => ({ code, status: 'skipped', seen, do: null });
export const warning = (code: string, seen: string, todo: string): Finding => ({ code, status: 'warning', seen, do: todo });
export const problem = (code: string, seen: string, todo: string): Finding => ({ code, status: 'error', seen, do: todo });

/** In the order of the checks, whichever ends first. */
export async function runChecks(checks: readonly Check[]): Promise<Finding[]> {
  return (await Promise.all(checks.map(runOne))).flat();
}

async function runOne({ name, deadlineMs, run }: Check): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly Finding[]>((resolve) => {
    const seen = `no answer within ${deadlineMs / 1_000} s`;
    timer = setTimeout(() => resolve([problem(`${name}_timeout`, seen, 'look at the network between here and there')]), deadlineMs);
  });
  try {
    return await Promise.race([run(), late]);
  } catch (error) {
    return [{ code: name, status: 'unknown', seen: messageOf(error), do: 'report it: this is ours' }];
  } finally {
    clearTimeout(timer);
  }
}

/** As of `elderly-bot doctor`: 0 nothing to do, 1 problems, 2 a check could not be carried out. */
export function exitCodeOf(findings: readonly Finding[]): number {
  if (findings.some(({ status }) => status === 'error' || status === 'warning')) return 1;
  return findings.some(({ status }) => status === 'unknown') ? 2 : 0;
}
