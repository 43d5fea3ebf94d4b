export { CHECKS, type CheckCode } from './catalogue.ts';
export type { Check, CheckResult, Finding } from './check.ts';
export { lookAndReport } from './checks/rosLook.ts';
export { checksFor } from './checks.ts';
export { examine } from './examine.ts';
export { aclLines, policyStatement, type Right } from './rights.ts';
