// Runs all checks side by side, each with its own deadline, and puts what they found in the order in which it is to be read: errors,
// then warnings, causes before consequences.

import { messageOf } from '../base/index.ts';
import { CHECKS, type CheckCode } from './catalogue.ts';
import { explain } from './causes.ts';
import type { Check, CheckResult, Finding } from './check.ts';

/** @param onDone called as each check ends, with how many still run. */
export async function examine(checks: readonly Check[], onDone: (left: number) => void = () => {}): Promise<CheckResult[]> {
  let left = checks.length;
  const done = await Promise.all(
    checks.map(async (check) => {
      const startedMs = performance.now();
      const answer = await answerOf(check);
      onDone(--left);
      return { ...answer, check, ms: Math.round(performance.now() - startedMs) };
    }),
  );
  const told = done.map(({ check, finding }) => ({ ...check, finding }));
  const causes = explain(told);
  const results = done.map(({ check, finding, failed, ms }, i): CheckResult => {
    const cause = causes[i] === undefined ? undefined : done[causes[i]];
    return {
      code: nameOf(check),
      title: check.subject === undefined ? CHECKS[check.code].title : `${CHECKS[check.code].title} ${check.subject}`,
      status: failed ? 'unknown' : finding.status,
      observed: finding.observed,
      remedy: finding.remedy ?? null,
      command: finding.command ?? null,
      hidden_by: cause ? nameOf(cause.check) : null,
      ms,
    };
  });
  const place = new Map(done.map(({ check }, i) => [results[i], ORDER.indexOf(check.code)]));
  return results.sort((a, b) => rank(a) - rank(b) || (place.get(a) ?? 0) - (place.get(b) ?? 0));
}

/** 0: nothing to do; 1: problems; 2: a check could not be carried out, and none found anything. */
export function exitCodeOf(results: readonly CheckResult[]): number {
  if (results.some(({ status }) => status === 'error' || status === 'warning')) return 1;
  return results.some(({ status }) => status === 'unknown') ? 2 : 0;
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

async function answerOf(check: Check): Promise<{ finding: Finding; failed: boolean }> {
  const ending = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding>((resolve) => {
    timer = setTimeout(() => {
      ending.abort();
      resolve({ status: 'error', observed: `no answer within ${check.deadlineMs / 1_000} s` });
    }, check.deadlineMs);
  });
  try {
    return { finding: await Promise.race([check.run(ending.signal), late]), failed: false };
  } catch (error) {
    const observed = `the check itself failed: ${messageOf(error)}`;
    return { finding: { status: 'skipped', observed, remedy: 'report it: this is ours' }, failed: true };
  } finally {
    clearTimeout(timer);
  }
}
