// Types of a fault campaign, which repeats one kind of damage at seeded moments, and of its result.
import type { Random } from './random.ts';

export interface Context {
  readonly runs: number;
  /** The duration of a campaign with a time limit; 0 for others. */
  readonly forMs: number;
  readonly random: Random;
  /** The kinds of damage that --only chose. Undefined means all. */
  readonly only?: readonly string[] | undefined;
  /** Prints a line of progress. */
  readonly say: (text: string) => void;
}

export interface Outcome {
  readonly runs: number;
  /** Accepted rows that are neither committed, held nor declared. */
  readonly lost: number;
  /** Rows that arrived twice, changed, or with a number that the outbox never assigned. */
  readonly doubled: number;
  /** Descriptions of failures with the number of their run. */
  readonly failures: readonly string[];
  readonly figures: Readonly<Record<string, unknown>>;
}

export interface Campaign {
  readonly name: string;
  readonly what: string;
  readonly defaultRuns: number;
  /** The default of --for, for a campaign with a time limit. */
  readonly defaultForMs?: number;
  /** The kinds of damage of which --only chooses some. */
  readonly kinds?: readonly string[];
  /** The reason why the campaign cannot run on this machine, or false. */
  readonly missing: () => string | false;
  readonly run: (context: Context) => Promise<Outcome>;
}

export const needsRoot = (): string | false => (process.getuid?.() === 0 ? false : 'it needs root: start it with sudo');
