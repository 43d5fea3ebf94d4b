// `elderly-bot status`: prints the status of the running agent, problems first; with --watch, every second.
import { ago, described, type Paint, present, wait } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { askStatus, isOverdue, type Status } from '../status/index.ts';
import { abortOn, loadSalvaged } from './shared.ts';
import { fullScreen } from './terminal.ts';

const REFRESH_MS = 1_000;

/** Alert channels may lack a publisher for this long after the agent starts, because ROS discovery takes time. */
const APPEARS_WITHIN_MS = 30_000;

/** @returns the exit code: 0 if there are no problems and every alert channel can raise its alert, otherwise 1. */
export async function status(file: string | undefined, json: boolean): Promise<number> {
  const found = await askStatus(loadSalvaged(file).state_dir);
  await present(found, json, describeStatus);
  return found.problems.length === 0 && unwatchedAlerts(found).length === 0 ? 0 : 1;
}

/** Shows the status every second until a signal. A terminal is redrawn in place; with `json`, each status is printed as one line. */
export async function watch(file: string | undefined, json: boolean): Promise<number> {
  const stateDir = loadSalvaged(file).state_dir;
  const signal = abortOn('SIGINT', 'SIGTERM', 'SIGHUP');
  const screen = fullScreen(json);
  try {
    while (!signal.aborted) {
      screen.show(await snapshot(stateDir, json));
      await wait(REFRESH_MS, signal);
    }
  } finally {
    screen.end();
  }
  return 0;
}

/** Reports a missing agent as text instead of throwing, because it may just be restarting. With `json`, prints nothing in that case. */
async function snapshot(stateDir: string, json: boolean): Promise<string[]> {
  try {
    const found = await askStatus(stateDir);
    return json ? [JSON.stringify(found)] : described(found, describeStatus);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return json ? [] : described(error.line, (line, paint) => paint('red', line));
  }
}

/** Alerts and problems come first, so that no number of channels can push them off a screen. */
export function describeStatus(found: Status, paint: Paint): string[] {
  return [
    head(found, paint),
    alerts(found, paint),
    ...problems(found, paint),
    ...warnings(found, paint),
    ...link(found, paint),
    ...channels(found, paint),
    ...reflex(found, paint),
    ...cameras(found),
    ...uploadsAndCommands(found, paint),
  ];
}

function head({ thing, version, boot, uptime_ms: uptime, clock, last_run: last }: Status, paint: Paint): string {
  const trusted = clock.trusted ? '' : paint('red', `  CLOCK NOT TRUSTED: ${clock.distrust}`);
  const before = last && last.cause !== 'clean' ? `; last run: ${last.text}` : '';
  return `${paint('bold', thing)}  version ${version}, start ${boot}, running ${ago(uptime)}${before}${trusted}`;
}

function problems({ problems: standing }: Status, paint: Paint): string[] {
  if (standing.length === 0) return [`problems ${paint('green', 'none')}`];
  return standing.flatMap(({ severity, code, since_ms: since, text, remedy }) => {
    const colour = severity === 'critical' || severity === 'error' ? 'red' : 'yellow';
    return [`${paint(colour, `problem  ${severity} ${code}`)} for ${ago(since)}: ${text}`, `         remedy: ${remedy}`];
  });
}

/** Alert channels that cannot raise an alert now. None shortly after startup, when ROS may not have discovered the publishers yet. */
function unwatchedAlerts({ channels: all, uptime_ms: uptime }: Status): Status['channels'] {
  return uptime < APPEARS_WITHIN_MS ? [] : all.filter(({ class: rowClass, health }) => rowClass === 'alert' && health !== 'ok');
}

/** Alert channels that can't raise an alert, then quiet channels. The latter only get a warning: they may publish only on events. */
function warnings(found: Status, paint: Paint): string[] {
  const { channels: all, problems: standing } = found;
  const isExplained = (name: string) => standing.some(({ subject }) => subject === name);
  const unwatched = unwatchedAlerts(found)
    .filter(({ name }) => !isExplained(name))
    .map(({ name, health, reason }) => `${name} is ${health} (${reason}), so it cannot raise an alert`);
  const unheard = all.filter(({ age_ms: age, occurrences }) => age === null && occurrences === null).map(({ name }) => name);
  const overdue = all
    .filter(isOverdue)
    .map(
      ({ name, age_ms: age, longest_gap_ms: gap }) =>
        `${name} has been quiet for ${ago(age ?? 0)}; its longest gap before was ${ago(gap ?? 0)}`,
    );
  const lines = [
    ...(unheard.length === 0
      ? []
      : [`${unheard.length} of ${all.length} channels have had no message since startup: ${unheard.join(', ')}`]),
    ...overdue,
  ];
  return [
    ...unwatched.map((text) => `${paint('red', 'unwatched')} ${text}`),
    ...lines.map((text) => `${paint('yellow', 'warning ')} ${text} (for details: elderly-bot doctor)`),
  ];
}

function link({ link: current, outbox, delivered, budget, disk, wear }: Status, paint: Paint): string[] {
  const isConnected = current.state === 'connected';
  const state = paint(isConnected ? 'green' : 'yellow', current.state);
  const version = current.mqtt_version ? `, MQTT ${current.mqtt_version === 5 ? '5' : '3.1.1'}` : '';
  const next = current.next_attempt_ms ? `, next attempt in ${ago(current.next_attempt_ms)}` : '';
  const by = current.path?.interface ? ` by ${current.path.interface}${current.path.metered ? ', metered: urgent messages only' : ''}` : '';
  const failures = current.failures_in_a_row > 0 && !isConnected ? `, ${current.failures_in_a_row} failures in a row` : '';
  const held = Object.entries(outbox.held).map(([name, rows]) => `${rows} ${name}`);
  // oldest_unconfirmed_ms excludes time when the agent was not running, such as a night without power. The other ages are by wall clock.
  const ages = [outbox.oldest_unconfirmed_ms, ...Object.values(outbox.oldest_ms)].filter((ms) => ms !== null);
  const oldest = outbox.unconfirmed === 0 || ages.length === 0 ? '' : `, the oldest for ${ago(Math.max(...ages))}`;
  const lost = `${outbox.evicted > 0 ? `, ${outbox.evicted} evicted` : ''}${outbox.dropped > 0 ? `, ${outbox.dropped} dropped` : ''}`;
  return [
    `link     ${state} for ${ago(current.since_ms)}, ${current.endpoint}${by}${version}${failures}${next}`,
    `outbox   ${outbox.accepted} rows accepted, ${outbox.unconfirmed} unconfirmed${oldest} (held: ${held.join(', ')})${lost}`,
    `acks     ${delivered.acknowledged_rows} rows, p50 ${delivered.ack_p50_ms ?? '-'} ms, p99 ${delivered.ack_p99_ms ?? '-'} ms`,
    `budget   ${budget.spent} of ${budget.budget ?? 'unlimited'} messages this month, forecast ${budget.forecast} ($${budget.forecast_dollars}), telemetry every ${ago(budget.interval_ms)}`,
    `disk     ${disk.free_bytes === null ? '' : `${mib(disk.free_bytes)} free; `}${describeWear(wear)}`,
  ];
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}

/** How much the agent has written to the disk, and how many years the disk will last at this rate. */
function describeWear({
  written_bytes: bytes,
  bytes_per_day: perDay,
  commits,
  commits_per_day: commitsPerDay,
  years,
}: Status['wear']): string {
  const total = `${bytes === null ? 'unknown' : mib(bytes)} written, ${commits.count} transactions`;
  if (perDay === null) return total;
  const life = years === null ? '' : `, so the disk lasts ${years} years`;
  return `${total}; per day ${mib(perDay)} and ${commitsPerDay} transactions${life}`;
}

function alerts({ channels: all }: Status, paint: Paint): string {
  const raised = all.flatMap(({ name, alert, silent, unusable, class: rowClass }) => [
    ...(alert ? [name] : []),
    ...(silent ? [`${name}_silent`] : []),
    ...(unusable !== null && rowClass === 'alert' ? [`${name}_unusable`] : []),
  ]);
  return `alerts   ${raised.length === 0 ? 'none' : paint('red', raised.join(', '))}`;
}

function channels({ channels: all }: Status, paint: Paint): string[] {
  const width = Math.max(0, ...all.map(({ name }) => name.length));
  return [
    ...all.flatMap(({ name, value, age_ms: age, rate_hz: hz, messages, dropped: beyond, alert, occurrences, health, reason, reads }) => {
      const last = age === null ? 'no message yet' : `${ago(age)} ago`;
      const rate = hz === null ? '' : `, ${hz.toFixed(1)} Hz`;
      const dropped = beyond > 0 ? `, ${beyond} dropped` : '';
      const times = occurrences !== null && occurrences > 1 ? ` (${occurrences} occurrences)` : '';
      const marks = `${alert ? paint('red', `  ALERT${times}`) : ''}${health === 'ok' || health === 'waiting' ? '' : paint('red', `  ${health.toUpperCase()}`)}${reason === null ? '' : paint('yellow', `  (${reason})`)}`;
      const line = `channel  ${name.padEnd(width)}  ${String(value).padEnd(10)} ${last}${rate}, ${messages} messages${dropped}${marks}`;
      return reads === null || age === null || reads === reason ? [line] : [line, `         ${' '.repeat(width)}  ${reads}`];
    }),
  ];
}

function reflex({ reflex: found }: Status, paint: Paint): string[] {
  if (found === null) return [];
  const { state, reason, topics, unheard, after_ms: after, waiting, announced, announcements, last_ms: last } = found;
  const before = last === null ? '' : `, last announcement ${ago(last)} ago`;
  const waits = waiting.length === 0 ? '' : `; ${waiting.join(', ')} not confirmed yet`;
  const deaf = unheard.length === 0 ? '' : paint('yellow', `; no node subscribes to ${unheard.join(', ')}`);
  const texts = {
    armed: `armed: publishes on ${topics.join(', ')} if the cloud does not confirm an alert within ${ago(after)}${before}${waits}${deaf}`,
    fired: paint('red', `FIRED for ${announced.join(', ')}: ${announcements} since startup${before}`) + waits + deaf,
    off: paint('red', `OFF: ${reason}`),
  };
  return [`reflex   ${texts[state]}`];
}

function cameras({ cameras: all }: Status): string[] {
  return all.map(({ name, age_ms: age, kept, ring_bytes: bytes, unreadable, privacy }) => {
    const last = age === null ? 'no image yet' : `last image ${ago(age)} ago`;
    const marks = `${unreadable > 0 ? `, ${unreadable} unreadable` : ''}${privacy === false ? '' : privacy ? '  PRIVACY' : '  PRIVACY UNKNOWN'}`;
    return `camera   ${name.padEnd(14)} ${last}, ${kept} kept, ${Math.round(bytes / 1024)} KiB in memory${marks}`;
  });
}

function uploadsAndCommands({ uploads, commands, command_latency: latency, moving }: Status, paint: Paint): string[] {
  const waiting =
    uploads === null
      ? 'off (uploads.api is not set)'
      : uploads.waiting === 0
        ? 'none waiting'
        : `${uploads.waiting} waiting (${uploads.of_incidents} of incidents, ${Math.ceil(uploads.bytes / 1024)} KiB), the oldest for ${ago(uploads.oldest_ms ?? 0)}`;
  const counts = Object.entries(commands).map(([name, count]) => `${count} ${name}`);
  return [
    `uploads  ${waiting}`,
    `commands ${counts.join(', ') || 'none'}; broker to ROS ${describeLatency(latency)}${moving ? paint('yellow', `  MOVING: ${moving}`) : ''}`,
  ];
}

/** Prints percentiles as upper bounds, because a histogram only says in which bucket they lie. */
function describeLatency({ count, at_most_ms: buckets }: Status['command_latency']): string {
  if (count === 0) return '-';
  const below = (share: number) => buckets.find(([, all]) => all >= share * count)?.[0] ?? 'more';
  return `p50 <= ${below(0.5)} ms, p99 <= ${below(0.99)} ms`;
}
