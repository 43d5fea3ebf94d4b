// Matches topics with the configured prefix patterns, in which one level may be `+`. That level is the robot's name, so a robot with
// rights to its own prefix only can't publish in the name of another robot.
import { UPWARD, type Upward } from '../../../src/wire/index.ts';

export interface Place {
  readonly prefix: string;
  readonly suffix: Upward;
  /** The only thing that may publish here; null if the pattern has no `+`. */
  readonly thing: string | null;
}

const PATTERN = /^(?:\+|[A-Za-z0-9_.:-]+)(?:\/(?:\+|[A-Za-z0-9_.:-]+)){0,5}$/;

export function patternProblem(pattern: string): string | null {
  if (!PATTERN.test(pattern)) return 'expected levels of A-Z a-z 0-9 _ . : - between slashes; one level may be +';
  if (pattern.split('/').filter((level) => level === '+').length > 1) return 'only one level may be +: it names the robot';
  return null;
}

/** The topic filters to subscribe to. */
export function filtersOf(patterns: readonly string[]): string[] {
  return patterns.flatMap((pattern) => UPWARD.map((suffix) => `${pattern}/${suffix}`));
}

/** Splits a topic by the first pattern that matches it. */
export function placeOf(patterns: readonly string[], topic: string): Place | null {
  const cut = topic.lastIndexOf('/');
  const prefix = topic.slice(0, Math.max(cut, 0));
  const suffix = UPWARD.find((name) => name === topic.slice(cut + 1));
  if (!suffix || !prefix) return null;
  const levels = prefix.split('/');
  for (const pattern of patterns) {
    const wanted = pattern.split('/');
    if (wanted.length !== levels.length || wanted.some((level, i) => level !== '+' && level !== levels[i])) continue;
    const plus = wanted.indexOf('+');
    return { prefix, suffix, thing: plus < 0 ? null : (levels[plus] ?? null) };
  }
  return null;
}
