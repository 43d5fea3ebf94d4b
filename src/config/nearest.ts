// Guesses which known name a misspelt name stands for. Pure functions.

/** Returns the most similar of the `known` names, if `name` looks like a misspelling of it. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((candidate) => ({ candidate, steps: distance(name, candidate), isStart: candidate.startsWith(name) }))
    .sort((a, b) => a.steps - b.steps || Number(b.isStart) - Number(a.isStart));
  if (best && best.steps <= Math.max(1, Math.ceil(name.length / 3))) return best.candidate;
  return known.find((candidate) => name.length > 2 && candidate.startsWith(name));
}

/** The Levenshtein distance: how many insertions, deletions and replacements turn `a` into `b`. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
