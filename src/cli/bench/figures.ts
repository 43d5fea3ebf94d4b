// Figures and the charts made of them. Pure.

/** @param share 0 to 1; the nearest rank. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

export type Bar = readonly [label: string, value: number];

const BINS = 10;

/** How many values lie in each of ten equal steps up to the 99th of 100; the last takes what is beyond. */
export function histogram(values: readonly number[]): Bar[] {
  const [low, high] = [Math.min(...values), quantile(values, 0.99)];
  const step = Math.max((high - low) / BINS, 1e-6);
  const counts = Array.from({ length: BINS }, () => 0);
  for (const value of values) {
    const bin = Math.min(BINS - 1, Math.floor((value - low) / step));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts.map((count, i) => [`${(low + i * step).toFixed(2)} ms`, count]);
}

const WIDTH = 50;

/** One line each, its bar in eighths of a character. */
export function bars(rows: readonly Bar[]): string[] {
  const most = Math.max(1, ...rows.map(([, value]) => value));
  const [labels, digits] = [Math.max(...rows.map(([label]) => label.length)), String(most).length];
  return rows.map(([label, value]) => {
    const eighths = Math.round((value / most) * WIDTH * 8);
    const bar = '█'.repeat(Math.floor(eighths / 8)) + (['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8] ?? '');
    return `${label.padStart(labels)} ${String(value).padStart(digits)} ${bar}`.trimEnd();
  });
}
