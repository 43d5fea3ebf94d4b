export { CHECKS, type CheckCode } from './catalogue.ts';
export type { Check, CheckResult, Finding } from './check.ts';
export { probeAndReport } from './checks/rosProbe.ts';
export { checksFor } from './checks.ts';
export { examine } from './examine.ts';
