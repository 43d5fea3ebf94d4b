// Finds the known name behind a typing error.

/** @returns the nearest of `known` if it is near enough to be a typing error. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known.map((candidate) => ({ candidate, steps: distance(name, candidate) }));
  ranked.sort((a, b) => a.steps - b.steps);
  const [best] = ranked;
  if (best && best.steps <= Math.max(1, Math.ceil(name.length / 3))) return best.candidate;
  return known.find((candidate) => name.length > 2 && candidate.startsWith(name));
}

/** Levenshtein distance: insertions, deletions and replacements that turn `a` into `b`. */
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
