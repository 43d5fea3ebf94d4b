// Every bench, in the order of `all`.
import type { Bench } from '../bench.ts';
import { latency, latencySlowFsync } from './latency.ts';

export const BENCHES: readonly Bench[] = [latency, latencySlowFsync];
