// What a fault campaign is: one kind of damage, done again and again at seeded moments, and what was found.
import type { Random } from './random.ts';

export interface Context {
  readonly runs: number;
  /** Of a campaign that goes by time; 0 for the others. */
  readonly forMs: number;
  readonly random: Random;
  /** A line of progress. */
  readonly say: (text: string) => void;
}

export interface Outcome {
  readonly runs: number;
  /** Rows the outbox had accepted, and nobody has or was told of. */
  readonly lost: number;
  /** Rows that came twice, changed, or under a number the outbox never gave. */
  readonly doubled: number;
  /** What went wrong, in words, with the run it was in. */
  readonly failures: readonly string[];
  readonly figures: Readonly<Record<string, unknown>>;
}

export interface Campaign {
  readonly name: string;
  readonly what: string;
  readonly defaultRuns: number;
  /** It goes by time, this long if not told: --for. */
  readonly defaultForMs?: number;
  /** The part of this machine it can't do without, or false. */
  readonly missing: () => string | false;
  readonly run: (context: Context) => Promise<Outcome>;
}

export const needsRoot = (): string | false => (process.getuid?.() === 0 ? false : 'it needs root: start it with sudo');
