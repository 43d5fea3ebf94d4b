// Runs all checks and sorts their findings: errors before warnings, causes before consequences. An operator 300 km away from the robot
// needs to see the cause first, not its twelve consequences.
import { type Answer, runChecks, safeText } from '../base/index.ts';
import { CHECKS, type CheckCode } from './catalogue.ts';
import type { Check, CheckResult, Finding } from './check.ts';

interface Outcome {
  readonly check: Check;
  readonly finding: Finding;
}

const ORDER = Object.keys(CHECKS) as CheckCode[];
/** Limit for a text in characters. A check may name many nodes or paths. */
const LONGEST = 3_000;
const RANKS = ['error', 'warning', 'unknown', 'ok', 'skipped'] as const;

/** @param onDone called whenever a check ends, with the number of checks still running. */
export async function examine(checks: readonly Check[], onDone?: (left: number) => void): Promise<CheckResult[]> {
  const runs = (await runChecks<Finding, Check>(checks, onDone)).map((run) => ({ ...run, finding: findingOf(run.answer) }));
  // Leave out checks with a subject: an error in one channel, for example, can't explain any other finding.
  const errors = new Map(
    runs.filter(({ check, finding }) => finding.status === 'error' && check.subject === undefined).map((run) => [run.check.code, run]),
  );
  const results = runs.map((run): CheckResult => {
    const { check, finding, ms } = run;
    // A check that does not apply to this robot is no consequence, unless it names its cause.
    const isNotApplicable = finding.status === 'skipped' && finding.because === undefined;
    const cause = finding.status === 'ok' || isNotApplicable ? undefined : rootOf(run, errors, new Set());
    return {
      code: nameOf(check),
      title: check.subject === undefined ? CHECKS[check.code].title : `${CHECKS[check.code].title} ${check.subject}`,
      status: finding.status,
      observed: safeText(finding.observed, LONGEST),
      remedy: finding.remedy === undefined ? null : safeText(finding.remedy, LONGEST),
      command: finding.command ?? null,
      hidden_by: cause ? nameOf(cause.check) : null,
      ms,
    };
  });
  const place = new Map(runs.map(({ check }, i) => [results[i], ORDER.indexOf(check.code)]));
  return results.sort((a, b) => rank(a) - rank(b) || (place.get(a) ?? 0) - (place.get(b) ?? 0));
}

/** Follows the chain of causes to its root. Returns undefined if no other check's error explains this outcome. */
function rootOf(outcome: Outcome, errors: ReadonlyMap<CheckCode, Outcome>, visited: Set<CheckCode>): Outcome | undefined {
  const because: readonly CheckCode[] = outcome.finding.because ?? CHECKS[outcome.check.code].because;
  for (const code of [...because].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b))) {
    const cause = errors.get(code);
    if (!cause || cause === outcome || visited.has(code)) continue;
    visited.add(code);
    return rootOf(cause, errors, visited) ?? cause;
  }
  return undefined;
}

function rank({ status, hidden_by: hiddenBy }: CheckResult): number {
  return RANKS.indexOf(status) + (hiddenBy === null ? 0 : RANKS.length);
}

function nameOf({ code, subject }: Check): string {
  return subject === undefined ? code : `${code}.${subject}`;
}

function findingOf(answer: Answer<Finding>): Finding {
  if (answer.kind === 'answered') return answer.value;
  if (answer.kind === 'late') return { status: 'error', observed: answer.observed };
  return { status: 'unknown', observed: answer.observed, remedy: answer.remedy };
}
