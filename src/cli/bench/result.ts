// What the bench found, in figures for a program and in words for a person. Pure.
import type { Measured } from '../../uplink/index.ts';
import { VERSION } from '../../version.ts';
import { bars, histogram, quantile } from './figures.ts';

/** What `--json` prints. */
export interface BenchResult extends Measured {
  readonly endpoint: string;
  readonly version: string;
  readonly ack_p50_ms: number;
  readonly ack_p99_ms: number;
  readonly round_trip_p50_ms: number;
  readonly round_trip_p99_ms: number;
  readonly messages_per_second: number;
  readonly outage_p50_ms: number;
}

export function resultOf(measured: Measured, endpoint: string): BenchResult {
  const { per_second: counts } = measured;
  return {
    endpoint,
    version: VERSION,
    ack_p50_ms: quantile(measured.ack_ms, 0.5),
    ack_p99_ms: quantile(measured.ack_ms, 0.99),
    round_trip_p50_ms: quantile(measured.round_trip_ms, 0.5),
    round_trip_p99_ms: quantile(measured.round_trip_ms, 0.99),
    messages_per_second: Math.round(counts.reduce((all, count) => all + count, 0) / counts.length),
    outage_p50_ms: quantile(measured.outage_ms, 0.5),
    ...measured,
  };
}

export function inWords(one: BenchResult): string {
  const mib = (one.messages_per_second * one.payload_bytes) / 1024 ** 2;
  return [
    `${one.endpoint}, MQTT ${one.mqtt_version === 5 ? '5' : '3.1.1'}, connected in ${one.connect_ms.toFixed(0)} ms`,
    '',
    `latency     acknowledged p50 ${one.ack_p50_ms.toFixed(2)} ms, p99 ${one.ack_p99_ms.toFixed(2)} ms; there and back p50 ${one.round_trip_p50_ms.toFixed(2)} ms, p99 ${one.round_trip_p99_ms.toFixed(2)} ms (${one.ack_ms.length} messages)`,
    ...bars(histogram(one.ack_ms)).map((row) => `  ${row}`),
    '',
    `throughput  ${one.messages_per_second} messages of ${one.payload_bytes / 1024} KiB a second, ${mib.toFixed(1)} MiB/s, ${one.window} on their way`,
    ...bars(one.per_second.map((count, i) => [`second ${i + 1}`, count] as const)).map((row) => `  ${row}`),
    '',
    `outage      acknowledged again ${one.outage_p50_ms.toFixed(0)} ms after a cut (of ${one.outage_ms.length}: ${one.outage_ms.map((ms) => ms.toFixed(0)).join(', ')} ms)`,
    '',
  ].join('\n');
}
