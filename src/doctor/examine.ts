// Runs all checks and puts their findings in the order in which a person reads them: errors, then warnings, causes before consequences.
import { type Answer, runChecks } from '../base/index.ts';
import { CHECKS, type CheckCode } from './catalogue.ts';
import { explain } from './causes.ts';
import type { Check, CheckResult, Finding } from './check.ts';

/** @param onDone called as each check ends, with the number of checks that still run. */
export async function examine(checks: readonly Check[], onDone?: (left: number) => void): Promise<CheckResult[]> {
  const runs = (await runChecks<Finding, Check>(checks, onDone)).map((run) => ({ ...run, finding: findingOf(run.answer) }));
  const causes = explain(runs.map(({ check, finding }) => ({ ...check, finding })));
  const results = runs.map(({ check, finding, ms }, i): CheckResult => {
    const cause = causes[i] === undefined ? undefined : runs[causes[i]];
    return {
      code: nameOf(check),
      title: check.subject === undefined ? CHECKS[check.code].title : `${CHECKS[check.code].title} ${check.subject}`,
      status: finding.status,
      observed: finding.observed,
      remedy: finding.remedy ?? null,
      command: finding.command ?? null,
      hidden_by: cause ? nameOf(cause.check) : null,
      ms,
    };
  });
  const place = new Map(runs.map(({ check }, i) => [results[i], ORDER.indexOf(check.code)]));
  return results.sort((a, b) => rank(a) - rank(b) || (place.get(a) ?? 0) - (place.get(b) ?? 0));
}

const ORDER = Object.keys(CHECKS) as CheckCode[];
const RANKS = ['error', 'warning', 'unknown', 'ok', 'skipped'] as const;

function rank({ status, hidden_by: hiddenBy }: CheckResult): number {
  const hidden = hiddenBy === null ? 0 : RANKS.length;
  return RANKS.indexOf(status) + hidden;
}

function nameOf({ code, subject }: Check): string {
  return subject === undefined ? code : `${code}.${subject}`;
}

function findingOf(answer: Answer<Finding>): Finding {
  if (answer.kind === 'answered') return answer.value;
  if (answer.kind === 'late') return { status: 'error', observed: answer.observed };
  return { status: 'unknown', observed: answer.observed, remedy: answer.remedy };
}
