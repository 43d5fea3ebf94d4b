// Defines a check of the doctor and its finding. A check inspects one part of the robot and reports its state. examine.ts decides which
// findings are consequences of others.
import type { CheckStatus, Runnable } from '../base/index.ts';
import type { CheckCode } from './catalogue.ts';

export interface Finding {
  /** `warning`: a person must act, although nothing failed yet. `skipped`: there is nothing to inspect, or no access. `unknown`: the check failed. */
  readonly status: CheckStatus;
  /** The state that was found, with its values. */
  readonly observed: string;
  readonly remedy?: string;
  /** A command line to type exactly like this. */
  readonly command?: string;
  /** The only checks that can explain this finding. They replace the checks of the catalogue. */
  readonly because?: readonly CheckCode[] | undefined;
}

/** `run` never changes the part that it inspects. An error that it throws becomes the status `unknown`. */
export interface Check extends Runnable<Finding> {
  readonly code: CheckCode;
  /** The part, if the robot has several of a kind, such as channels. The code in the output is then `channel.gas`. */
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
  /** The code of the check that explains this finding. */
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
