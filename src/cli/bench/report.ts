// The bench as one page of HTML with pictures, which needs nothing else: no script, no network. Pure.
import { type Bar, histogram } from './figures.ts';
import type { BenchResult } from './result.ts';

const [WIDTH, HEIGHT, GAP, FOOT] = [640, 200, 4, 22];

export function reportOf(result: BenchResult): string {
  const { endpoint, version, mqtt_version: mqtt, connect_ms: connect } = result;
  const rows: [string, string][] = [
    ['acknowledged', `p50 ${result.ack_p50_ms.toFixed(2)} ms, p99 ${result.ack_p99_ms.toFixed(2)} ms`],
    ['there and back', `p50 ${result.round_trip_p50_ms.toFixed(2)} ms, p99 ${result.round_trip_p99_ms.toFixed(2)} ms`],
    ['throughput', `${result.messages_per_second} messages of ${result.payload_bytes / 1024} KiB a second`],
    ['after a cut', `acknowledged again after ${result.outage_p50_ms.toFixed(0)} ms`],
  ];
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>elderly-bot bench: ${escaped(endpoint)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:44em;margin:2em auto;padding:0 1em;color:#222;background:#fff}
table{border-collapse:collapse}td{padding:.2em 1.5em .2em 0}svg{max-width:100%;height:auto}rect{fill:#2a78b8}text{font:11px system-ui,sans-serif;fill:#555}</style>
<h1>The link to ${escaped(endpoint)}</h1>
<p>elderly-bot ${escaped(version)}, MQTT ${mqtt === 5 ? '5' : '3.1.1'}, connected in ${connect.toFixed(0)} ms.</p>
<table>${rows.map(([name, text]) => `<tr><td>${name}</td><td>${text}</td></tr>`).join('')}</table>
<h2>Until it is acknowledged</h2>${picture(histogram(result.ack_ms), 'messages by milliseconds until the acknowledgement')}
<h2>There and back</h2>${picture(histogram(result.round_trip_ms), 'messages by milliseconds until they came back')}
<h2>Acknowledged each second</h2>${picture(
    result.per_second.map((count, i) => [`${i + 1} s`, count] as const),
    'messages acknowledged in each second',
  )}
</html>
`;
}

function picture(bars: readonly Bar[], title: string): string {
  const most = Math.max(1, ...bars.map(([, value]) => value));
  const width = WIDTH / Math.max(1, bars.length);
  const drawn = bars.map(([label, value], i) => {
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
