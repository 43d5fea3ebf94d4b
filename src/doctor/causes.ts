// Finds which finding explains which: a person 300 km away needs the cause, not its twelve consequences. Pure.
import { CHECKS, type CheckCode } from './catalogue.ts';
import type { Finding } from './check.ts';

export interface Outcome {
  readonly code: CheckCode;
  readonly subject?: string;
  readonly finding: Pick<Finding, 'status' | 'because'>;
}

const ORDER = Object.keys(CHECKS) as CheckCode[];

/** @returns for each outcome the index of the outcome that explains it: the root of the chain of causes. */
export function explain(outcomes: readonly Outcome[]): (number | undefined)[] {
  const errors = new Map<CheckCode, number>();
  for (const [index, { code, subject, finding }] of outcomes.entries()) {
    // An error of one channel explains nothing else.
    if (finding.status === 'error' && subject === undefined) errors.set(code, index);
  }
  return outcomes.map((outcome) => (outcome.finding.status === 'ok' ? undefined : rootOf(outcome, outcomes, errors, new Set())));
}

function rootOf(
  outcome: Outcome,
  outcomes: readonly Outcome[],
  errors: ReadonlyMap<CheckCode, number>,
  visited: Set<CheckCode>,
): number | undefined {
  const because: readonly CheckCode[] = outcome.finding.because ?? (CHECKS[outcome.code].because as readonly CheckCode[]);
  for (const code of [...because].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b))) {
    const index = errors.get(code);
    const cause = index === undefined ? undefined : outcomes[index];
    if (!cause || cause === outcome || visited.has(code)) continue;
    visited.add(code);
    return rootOf(cause, outcomes, errors, visited) ?? index;
  }
  return undefined;
}
