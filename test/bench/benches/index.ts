// Lists all benches in the order of `all`.
import type { Bench } from '../bench.ts';
import { alertDuringDrain } from './alertDrain.ts';
import { commandFlood, commands } from './commands.ts';
import { cpu, fsyncs } from './cpu.ts';
import { drain } from './drain.ts';
import { growth } from './growth.ts';
import { idle } from './idle.ts';
import { ingestion } from './ingest.ts';
import { latency, latencySlowFsync } from './latency.ts';
import { media } from './media.ts';
import { sensing } from './sensing.ts';
import { start } from './start.ts';
import { streams } from './streams.ts';
import { throughput } from './throughput.ts';

export const BENCHES: readonly Bench[] = [
  latency,
  latencySlowFsync,
  throughput,
  fsyncs,
  drain,
  alertDuringDrain,
  cpu,
  idle,
  start,
  sensing,
  media,
  commands,
  commandFlood,
  ingestion,
  growth,
  streams,
];
