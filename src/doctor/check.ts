// The checks of the doctor and their answers. A check looks at one thing and reports its state; causes.ts decides for all of them
// together which finding is a consequence of another one.
import type { CheckStatus, Runnable } from '../base/index.ts';
import type { CheckCode } from './catalogue.ts';

export interface Finding {
  /** `warning`: something has to be done, and nothing has failed yet. `skipped`: nothing to look at, or out of reach. `unknown`: the check failed. */
  readonly status: CheckStatus;
  /** The state that was found, with its values. */
  readonly observed: string;
  readonly remedy?: string;
  /** A command line to type exactly like this. */
  readonly command?: string;
  /** The only checks that can explain this finding, in place of those in the catalogue. */
  readonly because?: readonly CheckCode[];
}

/** `run` never changes the thing that it looks at. An error that it throws becomes the status `unknown`. */
export interface Check extends Runnable<Finding> {
  readonly code: CheckCode;
  /** One of several things of a kind, such as a channel; the code in the output is then `channel.gas`. */
  readonly subject?: string;
}

/** One entry of `elderly-bot doctor --json`. */
export interface CheckResult {
  readonly code: string;
  readonly title: string;
  readonly status: CheckStatus;
  readonly observed: string;
  readonly remedy: string | null;
  readonly command: string | null;
  /** The code of the check that explains this one. */
  readonly hidden_by: string | null;
  readonly ms: number;
}
