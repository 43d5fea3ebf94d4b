// Which finding explains which: somebody 300 km away wants the cause, not the twelve things that followed from it. Pure.
import { CHECKS, type CheckCode } from './catalogue.ts';
import type { Finding } from './check.ts';

export interface Told {
  readonly code: CheckCode;
  readonly subject?: string;
  readonly finding: Pick<Finding, 'status' | 'because'>;
}

const ORDER = Object.keys(CHECKS) as CheckCode[];

/** @returns for each of `told` the index of the finding that explains it, as near to the root as there is one. */
export function explain(told: readonly Told[]): (number | undefined)[] {
  const errors = new Map<CheckCode, number>();
  for (const [index, { code, subject, finding }] of told.entries()) {
    // One channel's error is no reason for anything else.
    if (finding.status === 'error' && subject === undefined) errors.set(code, index);
  }
  return told.map((one) => (one.finding.status === 'ok' ? undefined : rootOf(one, told, errors, new Set())));
}

function rootOf(one: Told, told: readonly Told[], errors: ReadonlyMap<CheckCode, number>, seen: Set<CheckCode>): number | undefined {
  const because: readonly CheckCode[] = one.finding.because ?? (CHECKS[one.code].because as readonly CheckCode[]);
  for (const code of [...because].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b))) {
    const index = errors.get(code);
    const cause = index === undefined ? undefined : told[index];
    if (!cause || cause === one || seen.has(code)) continue;
    seen.add(code);
    return rootOf(cause, told, errors, seen) ?? index;
  }
  return undefined;
}
