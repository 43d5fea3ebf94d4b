// Formats the status as Prometheus metrics (text format 0.0.4). Apart from a few facts about the process, all values come from the status
// object, because separate counters could disagree with it. docs/reference/metrics.md has the same table; a test compares the two.
import { visible } from '../base/index.ts';
import type { HistogramStatus } from './histogram.ts';
import type { ChannelStatus, Status } from './status.ts';

type Labels = Readonly<Record<string, string>>;
/** Null if the value is not known yet, in which case it is left out. */
type Value = number | null | HistogramStatus;
type Samples = (status: Status, process: ProcessFacts) => Value | readonly (readonly [Labels, Value])[];

interface Metric {
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly help: string;
  readonly samples: Samples;
}

interface Facts {
  readonly status: Status;
  readonly process: ProcessFacts;
}

/** Facts about the process that the status object does not contain. */
export interface ProcessFacts {
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  readonly openFiles: number;
  readonly loopLag: HistogramStatus;
}

const gauge = (help: string, samples: Samples): Metric => ({ type: 'gauge', help, samples });
const counter = (help: string, samples: Samples): Metric => ({ type: 'counter', help, samples });
const histogram = (help: string, samples: Samples): Metric => ({ type: 'histogram', help, samples });
const flag = (isSet: boolean): number => (isSet ? 1 : 0);
const seconds = (ms: number): number => ms / 1_000;
const labelled = (label: string, values: Readonly<Record<string, Value>>) =>
  Object.entries(values).map(([name, value]) => [{ [label]: name }, value] as const);
const byChannel =
  (value: (channel: ChannelStatus) => Value): Samples =>
  ({ channels }) =>
    channels.map((channel) => [{ channel: channel.name }, value(channel)]);

export const METRICS = {
  elderly_bot_info: gauge('Always 1; the labels name the robot and its version', ({ thing, version }) => [[{ thing, version }, 1]]),
  elderly_bot_uptime_seconds: gauge('Time since the agent started', ({ uptime_ms: ms }) => seconds(ms)),
  elderly_bot_starts_total: counter('Starts of the agent on this robot', ({ boot }) => boot),
  elderly_bot_last_run_ended: gauge('Always 1; the label names the cause of the previous run’s end', ({ last_run: last }) =>
    labelled('cause', last === null ? {} : { [last.cause]: 1 }),
  ),
  elderly_bot_clock_trusted: gauge('1 while the wall clock is trusted', ({ clock }) => flag(clock.trusted)),
  elderly_bot_problem: gauge('1 for each present problem (problems.md)', ({ problems }) =>
    problems.map(({ code, severity, subject }) => [{ code, severity, subject }, 1]),
  ),
  elderly_bot_link_up: gauge('1 while the broker is connected', ({ link }) => flag(link.state === 'connected')),
  elderly_bot_connects_total: counter('Connections since the agent started; all but the first are reconnects', ({ link }) => link.connects),
  elderly_bot_connect_failures: gauge('Failed connection attempts in a row', ({ link }) => link.failures_in_a_row),
  elderly_bot_budget_messages: gauge(
    'Metered messages of this month: spent, forecast, and the limit if one is set',
    ({ budget: { spent, forecast, budget: limit } }) => labelled('kind', { spent, forecast, limit }),
  ),
  elderly_bot_telemetry_interval_seconds: gauge(
    'Current interval of telemetry, longer than configured while the budget is overspent',
    ({ budget }) => seconds(budget.interval_ms),
  ),
  elderly_bot_outbox_rows: gauge('Rows on disk, by class', ({ outbox }) => labelled('class', outbox.held)),
  elderly_bot_outbox_oldest_seconds: gauge('Age of the oldest row on disk, by class; absent for an empty class', ({ outbox }) =>
    Object.entries(outbox.oldest_ms).map(([name, ms]) => [{ class: name }, ms === null ? null : seconds(ms)]),
  ),
  elderly_bot_outbox_unconfirmed_rows: gauge('Rows that the cloud has not confirmed', ({ outbox }) => outbox.unconfirmed),
  elderly_bot_rows_accepted_total: counter('Rows written since the agent started', ({ outbox }) => outbox.accepted),
  elderly_bot_rows_acknowledged_total: counter(
    'Rows that the broker acknowledged since the agent started',
    ({ delivered }) => delivered.acknowledged_rows,
  ),
  elderly_bot_rows_delivered_total: counter(
    'Rows that the cloud confirmed to have in its database since the agent started',
    ({ outbox }) => outbox.confirmed,
  ),
  elderly_bot_rows_evicted_total: counter('Rows evicted since the agent started, by reason; each is declared to the cloud', ({ outbox }) =>
    labelled('reason', outbox.evicted_by),
  ),
  elderly_bot_rows_dropped_total: counter(
    'Readings dropped from memory because writing failed for too long',
    ({ outbox }) => outbox.dropped,
  ),
  elderly_bot_uploads_waiting: gauge(
    'Files that wait for their upload; absent if uploads are off',
    ({ uploads }) => uploads?.waiting ?? null,
  ),
  elderly_bot_alert_seconds: histogram(
    'Latency of alerts, by hop: stamp to callback, and callback to commit, PUBACK and receipt',
    ({ alert_latency: hops }) => labelled('hop', hops),
  ),
  elderly_bot_puback_seconds: histogram(
    'Time from any publish to its acknowledgement by the broker',
    ({ delivered }) => delivered.ack_latency,
  ),
  elderly_bot_commit_seconds: histogram('Duration of a transaction of the outbox, including its fsync', ({ wear }) => wear.commits),
  elderly_bot_disk_free_bytes: gauge('Free bytes on the disk of state_dir', ({ disk }) => disk.free_bytes),
  elderly_bot_disk_free_files: gauge(
    'Free inodes on the disk of state_dir; absent if the file system does not count them',
    ({ disk }) => disk.free_files,
  ),
  elderly_bot_disk_written_bytes_total: counter(
    'Bytes that the kernel wrote to disk for this process since it started',
    ({ wear }) => wear.written_bytes,
  ),
  elderly_bot_disk_written_bytes_per_day: gauge(
    'Bytes written to disk per day; absent in the first ten minutes',
    ({ wear }) => wear.bytes_per_day,
  ),
  elderly_bot_disk_years: gauge('Years that health.disk_endurance lasts at that rate', ({ wear }) => wear.years),
  elderly_bot_channel_up: gauge(
    '1 while the channel’s topic has a publisher',
    byChannel(({ state }) => flag(state === 'published')),
  ),
  elderly_bot_channel_messages_total: counter(
    'ROS messages received',
    byChannel(({ messages }) => messages),
  ),
  elderly_bot_channel_readings_total: counter(
    'Readings from these messages',
    byChannel(({ readings }) => readings),
  ),
  elderly_bot_channel_dropped_total: counter(
    'ROS messages that were not processed: above max_rate, or lost by DDS before they were taken',
    byChannel(({ dropped }) => dropped),
  ),
  elderly_bot_channel_age_seconds: gauge(
    'Time since the last message; absent before the first',
    byChannel(({ age_ms: ms }) => (ms === null ? null : seconds(ms))),
  ),
  elderly_bot_channel_alert: gauge(
    '1 while the channel’s alert is raised',
    byChannel(({ alert }) => flag(alert)),
  ),
  elderly_bot_channel_unusable: gauge(
    '1 while the channel can use no message of its publishers',
    byChannel(({ unusable }) => flag(unusable !== null)),
  ),
  elderly_bot_channel_silent: gauge(
    '1 while the channel is silent for longer than its max_silence',
    byChannel(({ silent }) => flag(silent)),
  ),
  elderly_bot_commands_total: counter('Commands since the agent started, by their final status', ({ commands }) =>
    labelled('status', commands),
  ),
  elderly_bot_command_seconds: histogram('Time from the broker’s message to the ROS message', ({ command_latency: latency }) => latency),
  elderly_bot_reflex_announcements_total: counter(
    'Announcements of the reflex since the agent started; absent without a reflex',
    ({ reflex }) => reflex?.announcements ?? null,
  ),
  elderly_bot_loop_lag_seconds: histogram('Delay of a one-second timer: how long the event loop was busy', (_, process) => process.loopLag),
  process_resident_memory_bytes: gauge('Resident memory', (_, process) => process.residentBytes),
  process_cpu_seconds_total: counter('CPU time', (_, process) => process.cpuSeconds),
  process_open_fds: gauge('Open files and sockets', (_, process) => process.openFiles),
} satisfies Record<string, Metric>;

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Formats all metrics. A pure function. */
export function exposition({ status, process }: Facts): string {
  return Object.entries<Metric>(METRICS)
    .map(([name, { type, help, samples }]) => {
      const found = samples(status, process);
      const lines = (isSamples(found) ? found : [[{}, found] as const]).flatMap(([labels, value]) => {
        if (value === null) return [];
        return typeof value === 'number' ? [line(name, labels, value)] : histogramLines(name, labels, value);
      });
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n');
    })
    .join('');
}

function isSamples(found: ReturnType<Samples>): found is readonly (readonly [Labels, Value])[] {
  return Array.isArray(found);
}

function histogramLines(name: string, labels: Labels, { count, sum_ms: sumMs, at_most_ms: buckets }: HistogramStatus): string[] {
  return [
    ...buckets.map(([limit, below]) => line(`${name}_bucket`, { ...labels, le: limit === null ? '+Inf' : String(seconds(limit)) }, below)),
    line(`${name}_sum`, labels, seconds(sumMs)),
    line(`${name}_count`, labels, count),
  ];
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(
    ([label, text]) => `${label}="${visible(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`,
  );
  return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}`;
}
