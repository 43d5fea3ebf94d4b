// Computes quantiles, medians over rounds, and verdicts. Pure.

/** Interpolates between the two nearest ranks. @param q 0 to 1. @returns NaN without values. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The limit that a figure must meet. The stretch goal does not decide the verdict. */
export interface Target {
  readonly name: string;
  readonly value: number;
  readonly atMost?: number;
  readonly atLeast?: number;
  readonly stretch?: number;
}

export interface Judged extends Target {
  readonly met: boolean;
  readonly stretch_met?: boolean;
}

/** NaN, a value that could not be measured, meets no target. */
export function judge(target: Target): Judged {
  const { value, atMost, atLeast, stretch } = target;
  const within = (atMost === undefined || value <= atMost) && (atLeast === undefined || value >= atLeast);
  const met = Number.isFinite(value) && within;
  if (stretch === undefined) return { ...target, met };
  return { ...target, met, stretch_met: Number.isFinite(value) && (atMost === undefined ? value >= stretch : value <= stretch) };
}

/** Rounds to four significant digits, and turns NaN into null for JSON. */
export function rounded(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? Number(value.toPrecision(4)) : null;
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, rounded(inner)]));
}

/** Times of publishing, and arrivals as [row number, value, time]. All times are nanoseconds of one clock. */
export interface Matched {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly doubled: number;
  /** Latencies in milliseconds, without the first `warm` messages. */
  readonly latenciesMs: readonly number[];
}

export type Arrival = readonly [seq: number, value: number, ns: number];

/**
 * Pairs published with arrived messages: by value if values count from 0, else by order. By order a lost message would shift all later
 * ones, so then there are no latencies.
 */
export function match(stamps: readonly number[], arrivals: readonly Arrival[], warm: number, by: 'value' | 'order'): Matched {
  const first = new Map<number, Arrival>();
  for (const arrival of arrivals) {
    const known = first.get(arrival[0]);
    if (!known || known[2] > arrival[2]) first.set(arrival[0], arrival);
  }
  const rows = [...first.values()].sort((a, b) => a[0] - b[0]);
  const lost = stamps.length - rows.length;
  const latenciesMs: number[] = [];
  const usable = by === 'value' || lost === 0;
  for (const [index, [, value, ns]] of usable ? rows.entries() : []) {
    const n = by === 'value' ? value : index;
    const stamp = stamps[n];
    if (n >= warm && stamp !== undefined) latenciesMs.push((ns - stamp) / 1e6);
  }
  return { sent: stamps.length, received: rows.length, lost, doubled: arrivals.length - rows.length, latenciesMs };
}

/** A shuffled order that depends on the seed. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  let state = (seed >>> 0) + 0x9e3779b9;
  const random = () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) >>> 0;
    return state / 2 ** 32;
  };
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] as T, order[i] as T];
  }
  return order;
}
