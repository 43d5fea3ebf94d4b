// `elderly-bot status`: what the running agent says of itself, from its socket.
import { loadConfig } from '../config/index.ts';
import { askStatus, type Status } from '../status/index.ts';

/** @returns 0 when nothing is wrong, 1 when problems stand. */
export async function status(file: string | undefined, json: boolean): Promise<number> {
  const found = await askStatus(loadConfig(file, process.env).config.state_dir);
  process.stdout.write(json ? `${JSON.stringify(found)}\n` : describe(found));
  return found.problems.length === 0 ? 0 : 1;
}

function describe(found: Status): string {
  const { link, outbox, delivered, budget } = found;
  const held = Object.entries(outbox.held).map(([name, rows]) => `${rows} ${name}`);
  const lines = [
    `${found.thing}  version ${found.version}, start ${found.boot}, running ${ago(found.uptime_ms)}${found.clock.trusted ? '' : '  CLOCK NOT TRUSTED'}`,
    `link     ${link.state} for ${ago(link.since_ms)}, ${link.endpoint}${link.mqtt_version ? `, MQTT ${link.mqtt_version === 5 ? '5' : '3.1.1'}` : ''}`,
    `outbox   ${outbox.accepted} rows taken, ${outbox.unconfirmed} unconfirmed (held: ${held.join(', ')})`,
    `acks     ${delivered.acknowledged_rows} rows, p50 ${delivered.ack_p50_ms ?? '-'} ms, p99 ${delivered.ack_p99_ms ?? '-'} ms`,
    `budget   ${budget.spent} of ${budget.budget ?? 'unlimited'} messages this month, forecast ${budget.forecast} ($${budget.forecast_dollars}), telemetry every ${ago(budget.interval_ms)}`,
    `disk     ${written(found.wear)}`,
    ...(found.last_run === null ? [] : [`last run ${found.last_run.cause}: ${found.last_run.text}`]),
    ...found.channels.map((channel) => {
      const age = channel.age_ms === null ? 'never heard' : `${ago(channel.age_ms)} ago`;
      const surplus = channel.surplus > 0 ? `, ${channel.surplus} beyond max_rate` : '';
      const marks = `${channel.alert ? '  ALERT' : ''}${channel.silent ? '  SILENT' : ''}${channel.why === null ? '' : `  (${channel.why})`}`;
      return `channel  ${channel.name.padEnd(14)} ${String(channel.value).padEnd(10)} ${age}, ${channel.messages} messages${surplus}${marks}`;
    }),
    ...found.cameras.map(({ name, age_ms: age, kept, ring_bytes: bytes, unreadable, privacy }) => {
      const last = age === null ? 'nothing kept' : `last kept ${ago(age)} ago`;
      const marks = `${unreadable > 0 ? `, ${unreadable} unreadable` : ''}${privacy === false ? '' : privacy ? '  PRIVACY' : '  PRIVACY UNKNOWN'}`;
      return `camera   ${name.padEnd(14)} ${last}, ${kept} kept, ${Math.round(bytes / 1024)} KiB in memory${marks}`;
    }),
    `commands ${counted(found.commands)}; broker to ROS ${quick(found.command_latency)}${found.moving ? `  MOVING: ${found.moving}` : ''}`,
    ...(found.problems.length === 0 ? ['problems none'] : []),
    ...found.problems.map(
      (problem) => `problem  ${problem.severity} ${problem.code} for ${ago(problem.since_ms)}: ${problem.text}; ${problem.todo}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** What the card's life goes by. */
function written({ written_bytes: bytes, bytes_per_day: perDay, commits, commits_per_day: commitsPerDay, years }: Status['wear']): string {
  const mib = (sum: number) => `${Math.round(sum / 1024 ** 2)} MiB`;
  const sofar = `${bytes === null ? 'unknown' : mib(bytes)} written, ${commits.count} transactions`;
  if (perDay === null) return sofar;
  return `${sofar}; a day ${mib(perDay)}, ${commitsPerDay} transactions${years === null ? '' : `: the disk lasts ${years} years`}`;
}

function counted(counts: Readonly<Record<string, number>>): string {
  const each = Object.entries(counts).map(([status, count]) => `${count} ${status}`);
  return each.join(', ') || 'none';
}

/** The limits that half and 99 of 100 stayed below. */
function quick({ count, at_most_ms: buckets }: Status['command_latency']): string {
  if (count === 0) return '-';
  const below = (share: number) => buckets.find(([, all]) => all >= share * count)?.[0] ?? 'more';
  return `p50 <= ${below(0.5)} ms, p99 <= ${below(0.99)} ms`;
}

function ago(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}
