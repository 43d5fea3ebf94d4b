// The interface of a bench: a name, a description, and a run that returns figures and targets.
import type { Target } from './figures.ts';
import type { Rig } from './rig.ts';

export interface Context {
  readonly rig: Rig;
  readonly rounds: number;
  readonly seed: number;
  readonly slowFsyncUs: number;
  /** Prints a line of progress. */
  readonly say: (text: string) => void;
}

export interface Findings {
  readonly figures: Readonly<Record<string, unknown>>;
  readonly targets: readonly Target[];
}

export interface Bench {
  readonly name: string;
  readonly what: string;
  readonly run: (context: Context) => Promise<Findings>;
}
