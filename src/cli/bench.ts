// `elderly-bot bench`: what the way to the configured broker can do, in three figures and a chart.
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { endpointOf, loadConfig } from '../config/index.ts';
import { AgentError, messageOf } from '../errors.ts';
import { identityPaths, readCredentials } from '../identity/index.ts';
import { type Measured, measure } from '../uplink/index.ts';
import { VERSION } from '../version.ts';
import { bars, histogram, quantile } from './bench/figures.ts';
import { reportOf } from './bench/report.ts';
import { BENCH_TOPIC } from './benchMosquitto.ts';
import { progress } from './terminal.ts';

export interface BenchOptions {
  readonly file: string | undefined;
  readonly json: boolean;
  readonly seconds: number;
  /** Where a report goes. */
  readonly html: string | undefined;
}

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

export async function bench({ file, json, seconds, html }: BenchOptions): Promise<number> {
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 600) {
    throw new AgentError('CONFIG_INVALID', `--seconds is ${seconds}: expected a whole number from 1 to 600`);
  }
  const { config } = loadConfig(file, process.env, { leaveOut: true });
  const credentials = readCredentials(identityPaths(config.mqtt, config.state_dir));
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort()).once('SIGTERM', () => stop.abort());
  const line = progress();
  const topic = `${config.topic_prefix}/${BENCH_TOPIC}`;
  let measured: Measured;
  try {
    measured = await measure({ ...endpointOf(config.mqtt.endpoint), credentials, topic, seconds, onStep: line.say }, stop.signal);
  } catch (cause) {
    if (stop.signal.aborted) return 130;
    throw new AgentError('BROKER_UNREACHABLE', `${config.mqtt.endpoint}: ${messageOf(cause)}`, {
      todo: `check that the broker runs and lets this robot publish and subscribe ${topic} (elderly-bot bench mosquitto makes one that does), or run elderly-bot doctor`,
      cause,
    });
  } finally {
    line.end();
  }
  const result = resultOf(measured, config.mqtt.endpoint);
  if (html !== undefined) writeFileSync(html, reportOf(result));
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : inWords(result));
  if (html !== undefined && !json) process.stdout.write(`wrote ${resolve(html)}\n`);
  return 0;
}

function resultOf(measured: Measured, endpoint: string): BenchResult {
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

function inWords(one: BenchResult): string {
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
