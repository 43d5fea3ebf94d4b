// Types of the doctor's checks. Each check inspects one part of the robot and reports what it finds; examine.ts then decides which findings
// are consequences of others.
import type { CheckStatus, Runnable } from '../base/index.ts';
import type { CheckCode } from './catalogue.ts';

export interface Finding {
  /** `warning`: act soon, although nothing has failed yet. `skipped`: it can't or need not be inspected. `unknown`: the check failed. */
  readonly status: CheckStatus;
  /** The state of the inspected part, with actual values. */
  readonly observed: string;
  readonly remedy?: string;
  /** A shell command that can be pasted as it is. */
  readonly command?: string;
  /** Checks that can explain this particular finding, instead of those listed in the catalogue. */
  readonly because?: readonly CheckCode[] | undefined;
}

/** `run` must not change what it inspects. If it throws, the finding's status is `unknown`. */
export interface Check extends Runnable<Finding> {
  readonly code: CheckCode;
  /** Which part is checked, if the robot has several of the same kind, such as channels. Output as part of the code: `channel.gas`. */
  readonly subject?: string;
}

/** An entry of `elderly-bot doctor --json`. */
export interface CheckResult {
  readonly code: string;
  readonly title: string;
  readonly status: CheckStatus;
  readonly observed: string;
  readonly remedy: string | null;
  readonly command: string | null;
  /** Code of the check whose error is the root cause of this finding; null if there is no such check. */
  readonly hidden_by: string | null;
  readonly ms: number;
}

export function ok(observed: string): Finding {
  return { status: 'ok', observed };
}

export function skipped(observed: string, ...because: readonly CheckCode[]): Finding {
  return { status: 'skipped', observed, because: because.length > 0 ? because : undefined };
}

export function warning(observed: string, remedy: string, command: string, because?: readonly CheckCode[]): Finding {
  return { status: 'warning', observed, remedy, command, because };
}

export function error(observed: string, remedy: string, command: string, because?: readonly CheckCode[]): Finding {
  return { status: 'error', observed, remedy, command, because };
}
