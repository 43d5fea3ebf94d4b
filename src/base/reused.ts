// Keeps a result for a while, so that frequent readers share one computation.

/** Calls `make` only if the last result is older than `forMs`. An error that it throws is not kept, but a promise that rejects is. */
export function reused<T>(make: () => T, forMs: number): () => T {
  let last: { readonly value: T; readonly atMs: number } | undefined;
  return () => {
    const nowMs = performance.now();
    if (last && nowMs - last.atMs < forMs) return last.value;
    last = undefined;
    last = { value: make(), atMs: nowMs };
    return last.value;
  };
}
