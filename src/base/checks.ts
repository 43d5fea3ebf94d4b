// Runs the checks of both doctors in parallel, each with its own deadline, so that a check that hangs does not delay the others.
import { messageOf } from './foreign.ts';

export type CheckStatus = 'ok' | 'warning' | 'error' | 'skipped' | 'unknown';

export interface Runnable<A> {
  readonly deadlineMs: number;
  /** @param signal fires at the deadline. A later answer is ignored. */
  run(signal: AbortSignal): Promise<A>;
}

/** `late`: no answer within the deadline. `failed`: the check itself threw. Both contain a text for the user in place of the answer. */
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
 * Never throws.
 * @param onDone is called at the end of each check with the number of checks that still run.
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

/** @returns 0: nothing to do. 1: problems. 2: no problems, but a check failed. */
export function exitCodeOf(results: readonly { readonly status: CheckStatus }[]): number {
  if (results.some(({ status }) => status === 'error' || status === 'warning')) return 1;
  return results.some(({ status }) => status === 'unknown') ? 2 : 0;
}

async function answerOf<A>({ deadlineMs, run }: Runnable<A>): Promise<Answer<A>> {
  const deadline = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Answer<A>>((resolve) => {
    timer = setTimeout(() => {
      deadline.abort();
      resolve({ kind: 'late', observed: `no answer within ${deadlineMs / 1_000} s` });
    }, deadlineMs);
  });
  const answered = async (): Promise<Answer<A>> => ({ kind: 'answered', value: await run(deadline.signal) });
  try {
    return await Promise.race([answered(), late]);
  } catch (error) {
    return {
      kind: 'failed',
      observed: `the check itself failed: ${messageOf(error)}`,
      remedy: 'report this as a bug of elderly-bot',
    };
  } finally {
    clearTimeout(timer);
  }
}
