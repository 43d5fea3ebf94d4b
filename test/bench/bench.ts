// What a bench is: a name, what it shows, and a run that gives figures and targets.
import type { Target } from './figures.ts';
import type { Rig } from './rig.ts';

export interface Context {
  readonly rig: Rig;
  readonly rounds: number;
  readonly seed: number;
  readonly slowFsyncUs: number;
  /** Progress, for a person. */
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
