// `elderly-bot bench`: measures the link to the configured broker and prints the result as text, JSON or an HTML page.
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf, print } from '../base/index.ts';
import { brokerOf, loadConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { identityPaths, readCredentials } from '../identity/index.ts';
import { type Measured, measure } from '../uplink/index.ts';
import { VERSION } from '../version.ts';
import { BENCH_TOPIC } from './benchFiles.ts';
import { abortOn } from './shared.ts';
import { progress } from './terminal.ts';

interface BenchOptions {
  readonly config: string | undefined;
  readonly json: boolean;
  readonly seconds: number;
  /** Path for the HTML report; undefined for no report. */
  readonly html: string | undefined;
}

export async function bench({ config: file, json, seconds, html }: BenchOptions): Promise<number> {
  const { config } = loadConfig(file, process.env, { leaveOut: true });
  const { endpoint } = config.mqtt;
  const credentials = readCredentials(identityPaths(config.mqtt, config.state_dir));
  const signal = abortOn('SIGINT', 'SIGTERM');
  const line = progress();
  const topic = `${config.topic_prefix}/${BENCH_TOPIC}`;
  let measured: Measured;
  try {
    measured = await measure({ ...brokerOf(config.mqtt), credentials, topic, seconds, onStep: line.update }, signal);
  } catch (cause) {
    if (signal.aborted) return 130;
    throw new AgentError('BROKER_UNREACHABLE', `${endpoint}: ${messageOf(cause)}`, {
      remedy: `check that the broker runs and allows this robot to publish and subscribe to ${topic} (elderly-bot bench mosquitto creates such a broker), or run elderly-bot doctor`,
      cause,
    });
  } finally {
    line.end();
  }
  const result = resultOf(measured, endpoint);
  if (html !== undefined) writeFileSync(html, htmlOf(result));
  await print(json ? JSON.stringify(result) : textOf(result));
  if (html !== undefined && !json) await print(`wrote ${resolve(html)}`);
  return 0;
}

/** The output of `--json`. */
export type BenchResult = ReturnType<typeof resultOf>;

function resultOf(measured: Measured, endpoint: string) {
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

/** Returns a quantile by the nearest-rank method, without interpolation. @param share 0 to 1 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

type Bar = readonly [label: string, value: number];

const BINS = 10;

/** Sorts the values into ten bins of equal width from the minimum to the 99th percentile. Higher values go into the last bin. */
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

function perSecond(counts: readonly number[], label: (second: number) => string): Bar[] {
  return counts.map((count, i) => [label(i + 1), count]);
}

const BAR_COLUMNS = 50;

/** Draws one line of text per bar, to the nearest eighth of a character. */
export function bars(rows: readonly Bar[]): string[] {
  const most = Math.max(1, ...rows.map(([, value]) => value));
  const [labels, digits] = [Math.max(...rows.map(([label]) => label.length)), String(most).length];
  return rows.map(([label, value]) => {
    const eighths = Math.round((value / most) * BAR_COLUMNS * 8);
    const bar = '█'.repeat(Math.floor(eighths / 8)) + (['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8] ?? '');
    return `${label.padStart(labels)} ${String(value).padStart(digits)} ${bar}`.trimEnd();
  });
}

function connection({ mqtt_version: mqtt, connect_ms: connect }: BenchResult): string {
  return `MQTT ${mqtt === 5 ? '5' : '3.1.1'}, connected in ${connect.toFixed(0)} ms`;
}

function textOf(result: BenchResult): string[] {
  const mib = (result.messages_per_second * result.payload_bytes) / 1024 ** 2;
  const outages = result.outage_ms.map((ms) => ms.toFixed(0)).join(', ');
  return [
    `${result.endpoint}, ${connection(result)}`,
    '',
    `latency     acknowledged p50 ${result.ack_p50_ms.toFixed(2)} ms, p99 ${result.ack_p99_ms.toFixed(2)} ms; round trip p50 ${result.round_trip_p50_ms.toFixed(2)} ms, p99 ${result.round_trip_p99_ms.toFixed(2)} ms (${result.ack_ms.length} messages)`,
    ...bars(histogram(result.ack_ms)).map((row) => `  ${row}`),
    '',
    `throughput  ${result.messages_per_second} messages of ${result.payload_bytes / 1024} KiB a second, ${mib.toFixed(1)} MiB/s, ${result.window} in flight`,
    ...bars(perSecond(result.per_second, (second) => `second ${second}`)).map((row) => `  ${row}`),
    '',
    `outage      acknowledged again ${result.outage_p50_ms.toFixed(0)} ms after a cut (median of ${result.outage_ms.length}: ${outages} ms)`,
  ];
}

/** Formats the report as one self-contained HTML page, without scripts. */
function htmlOf(result: BenchResult): string {
  const endpoint = escaped(result.endpoint);
  const rows: [string, string][] = [
    ['acknowledged', `p50 ${result.ack_p50_ms.toFixed(2)} ms, p99 ${result.ack_p99_ms.toFixed(2)} ms`],
    ['round trip', `p50 ${result.round_trip_p50_ms.toFixed(2)} ms, p99 ${result.round_trip_p99_ms.toFixed(2)} ms`],
    ['throughput', `${result.messages_per_second} messages of ${result.payload_bytes / 1024} KiB a second`],
    ['after a cut', `acknowledged again after ${result.outage_p50_ms.toFixed(0)} ms`],
  ];
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>elderly-bot bench: ${endpoint}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:44em;margin:2em auto;padding:0 1em;color:#222;background:#fff}
table{border-collapse:collapse}td{padding:.2em 1.5em .2em 0}svg{max-width:100%;height:auto}rect{fill:#2a78b8}text{font:11px system-ui,sans-serif;fill:#555}</style>
<h1>The link to ${endpoint}</h1>
<p>elderly-bot ${escaped(result.version)}, ${connection(result)}.</p>
<table>${rows.map(([name, text]) => `<tr><td>${name}</td><td>${text}</td></tr>`).join('')}</table>
<h2>Time to the acknowledgement</h2>${chart(histogram(result.ack_ms), 'messages by milliseconds to the acknowledgement')}
<h2>Round trip</h2>${chart(histogram(result.round_trip_ms), 'messages by milliseconds of the round trip')}
<h2>Acknowledged messages per second</h2>${chart(
    perSecond(result.per_second, (second) => `${second} s`),
    'messages acknowledged in each second',
  )}
</html>
`;
}

const [WIDTH, HEIGHT, GAP, FOOT] = [640, 200, 4, 22];

function chart(data: readonly Bar[], title: string): string {
  const most = Math.max(1, ...data.map(([, value]) => value));
  const width = WIDTH / Math.max(1, data.length);
  const drawn = data.map(([label, value], i) => {
    const height = (value / most) * HEIGHT;
    const [x, y] = [i * width, HEIGHT - height];
    const middle = (x + (width - GAP) / 2).toFixed(1);
    return `<rect x="${x.toFixed(1)}" y="${(y + FOOT).toFixed(1)}" width="${(width - GAP).toFixed(1)}" height="${height.toFixed(1)}"/><text x="${middle}" y="${(y + FOOT - 4).toFixed(1)}" text-anchor="middle">${value}</text><text x="${middle}" y="${HEIGHT + 2 * FOOT - 6}" text-anchor="middle">${escaped(label)}</text>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT + 2 * FOOT}" role="img" aria-label="${escaped(title)}">${drawn.join('')}</svg>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
