// Runs the checks of the robot's or the cloud's `doctor` command in parallel, each with its own deadline, so that a check that hangs does
// not hold up the others.
import { messageOf } from './foreign.ts';
import { withDeadline } from './waiting.ts';

export type CheckStatus = 'ok' | 'warning' | 'error' | 'skipped' | 'unknown';

export interface Runnable<A> {
  readonly deadlineMs: number;
  /** @param signal aborted at the deadline, after which the answer is ignored. */
  run(signal: AbortSignal): Promise<A>;
}

/** `late` means that the check missed its deadline, `failed` that it threw. Both contain a text for the user instead of the value. */
export type Answer<A> =
  | { readonly kind: 'answered'; readonly value: A }
  | { readonly kind: 'late'; readonly observed: string }
  | { readonly kind: 'failed'; readonly observed: string; readonly remedy: string };

interface CheckRun<C, A> {
  readonly check: C;
  readonly answer: Answer<A>;
  readonly ms: number;
}

/**
 * Runs the checks. Never throws.
 * @param onDone called whenever a check is done, with the number of checks that are still running.
 * @returns one entry per check, in the order of `checks`.
 */
export function runChecks<A, C extends Runnable<A>>(
  checks: readonly (C & Runnable<A>)[],
  onDone: (left: number) => void = () => {},
): Promise<CheckRun<C, A>[]> {
  let left = checks.length;
  return Promise.all(
    checks.map(async (check) => {
      const startedMs = performance.now();
      const answer = await answerOf<A>(check);
      onDone(--left);
      return { check, answer, ms: Math.round(performance.now() - startedMs) };
    }),
  );
}

/** Returns the exit code: 0 if everything is fine, 1 if a check found problems, 2 if not but a check could not tell. */
export function exitCodeOf(results: readonly { readonly status: CheckStatus }[]): number {
  if (results.some(({ status }) => status === 'error' || status === 'warning')) return 1;
  return results.some(({ status }) => status === 'unknown') ? 2 : 0;
}

async function answerOf<A>({ deadlineMs, run }: Runnable<A>): Promise<Answer<A>> {
  const deadline = new AbortController();
  const late = (): Answer<A> => {
    deadline.abort();
    return { kind: 'late', observed: `no answer within ${deadlineMs / 1_000} s` };
  };
  const answered = async (): Promise<Answer<A>> => ({ kind: 'answered', value: await run(deadline.signal) });
  try {
    return await withDeadline(answered(), deadlineMs, late);
  } catch (error) {
    return {
      kind: 'failed',
      observed: `the check itself failed: ${messageOf(error)}`,
      remedy: 'report this as a bug of elderly-bot',
    };
  }
}
