// A running agent's status for a person: what is wrong first, then the way of the data.

import { ago } from '../base/index.ts';
import { isOverdue, type Status } from '../status/index.ts';
import type { Paint } from './terminal.ts';

export function shown(found: Status, paint: Paint): string {
  const lines = [
    head(found, paint),
    ...problems(found, paint),
    ...warnings(found, paint),
    ...link(found, paint),
    ...channels(found, paint),
    ...cameras(found),
    ...rest(found, paint),
  ];
  return `${lines.join('\n')}\n`;
}

function head({ thing, version, boot, uptime_ms: uptime, clock, last_run: last }: Status, paint: Paint): string {
  const trusted = clock.trusted ? '' : paint('red', '  CLOCK NOT TRUSTED');
  const before = last && last.cause !== 'clean' ? `; before: ${last.text}` : '';
  return `${paint('bold', thing)}  version ${version}, start ${boot}, running ${ago(uptime)}${before}${trusted}`;
}

function problems({ problems: standing }: Status, paint: Paint): string[] {
  if (standing.length === 0) return [`problems ${paint('green', 'none')}`];
  return standing.flatMap(({ severity, code, since_ms: since, text, remedy }) => {
    const colour = severity === 'critical' || severity === 'error' ? 'red' : 'yellow';
    return [`${paint(colour, `problem  ${severity} ${code}`)} for ${ago(since)}: ${text}`, `         do: ${remedy}`];
  });
}

/** What is no problem, as a sensor may speak only when something happens, and may be none the less. */
function warnings({ channels: all }: Status, paint: Paint): string[] {
  const unheard = all.filter(({ age_ms: age }) => age === null).map(({ name }) => name);
  const overdue = all.filter(isOverdue).map(({ name, age_ms: age, longest_gap_ms: gap }) => {
    return `${name} is quiet for ${ago(age ?? 0)}, and never was for longer than ${ago(gap ?? 0)}`;
  });
  const lines = [
    ...(unheard.length === 0
      ? []
      : [`${unheard.length} of ${all.length} channels were never heard since the start: ${unheard.join(', ')}`]),
    ...overdue,
  ];
  return lines.map((text) => `${paint('yellow', 'warning ')} ${text} (elderly-bot doctor says more)`);
}

function link({ link: one, outbox, delivered, budget, disk, wear }: Status, paint: Paint): string[] {
  const state = paint(one.state === 'connected' ? 'green' : 'yellow', one.state);
  const version = one.mqtt_version ? `, MQTT ${one.mqtt_version === 5 ? '5' : '3.1.1'}` : '';
  const failures = one.failures_in_a_row > 0 && one.state !== 'connected' ? `, ${one.failures_in_a_row} failures in a row` : '';
  const held = Object.entries(outbox.held).map(([name, rows]) => `${rows} ${name}`);
  // Since it was taken, by the clock: running time leaves out the hours without power.
  const ages = [outbox.oldest_unconfirmed_ms, ...Object.values(outbox.oldest_ms)].filter((ms) => ms !== null);
  const oldest = outbox.unconfirmed === 0 || ages.length === 0 ? '' : `, the oldest for ${ago(Math.max(...ages))}`;
  const gone = `${outbox.evicted > 0 ? `, ${outbox.evicted} given up` : ''}${outbox.dropped > 0 ? `, ${outbox.dropped} never written` : ''}`;
  return [
    `link     ${state} for ${ago(one.since_ms)}, ${one.endpoint}${version}${failures}`,
    `outbox   ${outbox.accepted} rows taken, ${outbox.unconfirmed} unconfirmed${oldest} (held: ${held.join(', ')})${gone}`,
    `acks     ${delivered.acknowledged_rows} rows, p50 ${delivered.ack_p50_ms ?? '-'} ms, p99 ${delivered.ack_p99_ms ?? '-'} ms`,
    `budget   ${budget.spent} of ${budget.budget ?? 'unlimited'} messages this month, forecast ${budget.forecast} ($${budget.forecast_dollars}), telemetry every ${ago(budget.interval_ms)}`,
    `disk     ${disk.free_bytes === null ? '' : `${mib(disk.free_bytes)} free; `}${written(wear)}`,
  ];
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}

/** What the card's life goes by. */
function written({ written_bytes: bytes, bytes_per_day: perDay, commits, commits_per_day: commitsPerDay, years }: Status['wear']): string {
  const sofar = `${bytes === null ? 'unknown' : mib(bytes)} written, ${commits.count} transactions`;
  if (perDay === null) return sofar;
  return `${sofar}; a day ${mib(perDay)}, ${commitsPerDay} transactions${years === null ? '' : `: the disk lasts ${years} years`}`;
}

function channels({ channels: all }: Status, paint: Paint): string[] {
  const alerts = all.filter(({ alert }) => alert).map(({ name }) => name);
  const width = Math.max(0, ...all.map(({ name }) => name.length));
  return [
    `alerts   ${alerts.length === 0 ? 'none' : paint('red', alerts.join(', '))}`,
    ...all.map((one) => {
      const age = one.age_ms === null ? 'never heard' : `${ago(one.age_ms)} ago`;
      const rate = one.rate_hz === null ? '' : `, ${one.rate_hz.toFixed(1)} Hz`;
      const dropped = one.dropped > 0 ? `, ${one.dropped} beyond max_rate` : '';
      const marks = `${one.alert ? paint('red', '  ALERT') : ''}${one.silent ? paint('red', '  SILENT') : ''}${one.reason === null ? '' : paint('yellow', `  (${one.reason})`)}`;
      return `channel  ${one.name.padEnd(width)}  ${String(one.value).padEnd(10)} ${age}${rate}, ${one.messages} messages${dropped}${marks}`;
    }),
  ];
}

function cameras({ cameras: all }: Status): string[] {
  return all.map(({ name, age_ms: age, kept, ring_bytes: bytes, unreadable, privacy }) => {
    const last = age === null ? 'nothing kept' : `last kept ${ago(age)} ago`;
    const marks = `${unreadable > 0 ? `, ${unreadable} unreadable` : ''}${privacy === false ? '' : privacy ? '  PRIVACY' : '  PRIVACY UNKNOWN'}`;
    return `camera   ${name.padEnd(14)} ${last}, ${kept} kept, ${Math.round(bytes / 1024)} KiB in memory${marks}`;
  });
}

function rest({ uploads, commands, command_latency: latency, moving }: Status, paint: Paint): string[] {
  const waiting =
    uploads === null
      ? 'off (uploads.api is not set)'
      : uploads.waiting === 0
        ? 'none wait'
        : `${uploads.waiting} wait (${uploads.of_incidents} of incidents, ${Math.ceil(uploads.bytes / 1024)} KiB), the oldest for ${ago(uploads.oldest_ms ?? 0)}`;
  const counts = Object.entries(commands).map(([status, count]) => `${count} ${status}`);
  return [
    `uploads  ${waiting}`,
    `commands ${counts.join(', ') || 'none'}; broker to ROS ${quick(latency)}${moving ? paint('yellow', `  MOVING: ${moving}`) : ''}`,
  ];
}

/** The limits that half and 99 of 100 stayed below. */
function quick({ count, at_most_ms: buckets }: Status['command_latency']): string {
  if (count === 0) return '-';
  const below = (share: number) => buckets.find(([, all]) => all >= share * count)?.[0] ?? 'more';
  return `p50 <= ${below(0.5)} ms, p99 <= ${below(0.99)} ms`;
}
