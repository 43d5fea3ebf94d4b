// The checks of the cloud's doctor and their findings. The engine that runs them is the same as the robot's.
import { type Answer, type CheckStatus, type Runnable, runChecks } from '../../../src/base/index.ts';

/** One entry of `elderly-bot-cloud doctor --json`. */
export interface Finding {
  /** Stable, for programs. If nothing is wrong, the code is the name of the check. */
  readonly code: string;
  /** `unknown`: the check itself failed. */
  readonly status: CheckStatus;
  /** The state that was found, with its values. */
  readonly observed: string;
  /** Null if nothing has to be done. */
  readonly remedy: string | null;
}

/** One check may find several things. */
export interface Check extends Runnable<readonly Finding[]> {
  readonly name: string;
}

export const ok = (code: string, observed: string): Finding => ({ code, status: 'ok', observed, remedy: null });
export const skipped = (code: string, observed: string): Finding => ({ code, status: 'skipped', observed, remedy: null });
export const warning = (code: string, observed: string, remedy: string): Finding => ({ code, status: 'warning', observed, remedy });
export const problem = (code: string, observed: string, remedy: string): Finding => ({ code, status: 'error', observed, remedy });

/** @returns the findings in the order of the checks, whichever ends first. */
export async function findingsOf(checks: readonly Check[]): Promise<Finding[]> {
  const runs = await runChecks<readonly Finding[], Check>(checks);
  return runs.flatMap(({ check: { name }, answer }) => findingsIn(name, answer));
}

function findingsIn(name: string, answer: Answer<readonly Finding[]>): readonly Finding[] {
  if (answer.kind === 'answered') return answer.value;
  if (answer.kind === 'late')
    return [problem(`${name}_timeout`, answer.observed, 'look at the network between this machine and the other')];
  return [{ code: name, status: 'unknown', observed: answer.observed, remedy: answer.remedy }];
}
