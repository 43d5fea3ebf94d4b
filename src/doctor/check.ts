// What the doctor's checks are and what they answer. A check looks at one thing and says what it saw; whether that is a consequence
// of something else is decided for all of them together (causes.ts).
import type { CheckCode } from './catalogue.ts';

/** `warning`: something is to be done, and has not hurt yet. `skipped`: there is nothing to look at here, or it can't be reached. */
export type FindingStatus = 'ok' | 'warning' | 'error' | 'skipped';

export interface Finding {
  readonly status: FindingStatus;
  /** What was found, with its values. */
  readonly observed: string;
  readonly remedy?: string;
  /** To be typed exactly so. */
  readonly command?: string;
  /** Where given, only these can explain it, in place of all that the catalogue names. */
  readonly because?: readonly CheckCode[];
}

export interface Check {
  readonly code: CheckCode;
  /** Which one of several, such as a channel: its code is then `channel.gas`. */
  readonly subject?: string;
  readonly deadlineMs: number;
  /** Never changes what it looks at. What it throws becomes a check that could not be carried out. */
  run(signal: AbortSignal): Promise<Finding>;
}

/** One line of `elderly-bot doctor --json`. */
export interface CheckResult {
  readonly code: string;
  readonly title: string;
  /** `unknown`: the check itself failed. */
  readonly status: FindingStatus | 'unknown';
  readonly observed: string;
  readonly remedy: string | null;
  readonly command: string | null;
  /** The code of the check that explains this one. */
  readonly hidden_by: string | null;
  readonly ms: number;
}
