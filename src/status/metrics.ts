// The status in the text format of Prometheus (0.0.4). All values come from the status object: counters of a metrics library could differ
// from it. The documentation has the same table in metrics.md; a test compares both.
import type { HistogramStatus } from './histogram.ts';
import type { Status } from './status.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

interface Metric {
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly help: string;
  readonly samples: (facts: Facts) => readonly Sample[] | readonly (readonly [Labels, HistogramStatus])[];
}

export interface Facts {
  readonly status: Status;
  /** Values that are not in the status object. */
  readonly process: ProcessFacts;
}

export interface ProcessFacts {
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  readonly openFiles: number;
  readonly loopLag: HistogramStatus;
}

const one = (value: number): readonly Sample[] => [[{}, value]];
const flag = (isSet: boolean): number => (isSet ? 1 : 0);
const seconds = (ms: number): number => ms / 1_000;
const labelled = (label: string, values: Readonly<Record<string, number>>): readonly Sample[] =>
  Object.entries(values).map(([name, value]) => [{ [label]: name }, value]);

/** Leaves out values that are not known yet. */
const known = (samples: readonly (readonly [Labels, number | null])[]): readonly Sample[] =>
  samples.flatMap(([labels, value]) => (value === null ? [] : [[labels, value] as const]));

export const METRICS = {
  elderly_bot_info: {
    type: 'gauge',
    help: 'Always 1; the labels name the robot and its version',
    samples: ({ status: { thing, version } }) => [[{ thing, version }, 1]],
  },
  elderly_bot_uptime_seconds: { type: 'gauge', help: 'Time since this start', samples: ({ status }) => one(seconds(status.uptime_ms)) },
  elderly_bot_starts_total: { type: 'counter', help: 'Starts of the agent on this robot', samples: ({ status }) => one(status.boot) },
  elderly_bot_last_run_ended: {
    type: 'gauge',
    help: 'Always 1; the label says why the previous run ended',
    samples: ({ status: { last_run: last } }) => (last === null ? [] : [[{ cause: last.cause }, 1]]),
  },
  elderly_bot_clock_trusted: {
    type: 'gauge',
    help: '1 while the wall clock is trusted',
    samples: ({ status }) => one(flag(status.clock.trusted)),
  },
  elderly_bot_problem: {
    type: 'gauge',
    help: '1 for each standing problem (problems.md)',
    samples: ({ status }) => status.problems.map(({ code, severity, subject }) => [{ code, severity, subject }, 1]),
  },

  elderly_bot_link_up: {
    type: 'gauge',
    help: '1 while the broker is connected',
    samples: ({ status }) => one(flag(status.link.state === 'connected')),
  },
  elderly_bot_connects_total: {
    type: 'counter',
    help: 'Connections since this start; all but the first are reconnects',
    samples: ({ status }) => one(status.link.connects),
  },
  elderly_bot_connect_failures: {
    type: 'gauge',
    help: 'Failed connection attempts in a row',
    samples: ({ status }) => one(status.link.failures_in_a_row),
  },
  elderly_bot_budget_messages: {
    type: 'gauge',
    help: 'Metered messages of this month: spent, forecast, and the limit if one is set',
    samples: ({ status: { budget } }) =>
      known([
        [{ kind: 'spent' }, budget.spent],
        [{ kind: 'forecast' }, budget.forecast],
        [{ kind: 'limit' }, budget.budget],
      ]),
  },
  elderly_bot_telemetry_interval_seconds: {
    type: 'gauge',
    help: 'Current interval of telemetry, longer than configured while the budget is overspent',
    samples: ({ status }) => one(seconds(status.budget.interval_ms)),
  },

  elderly_bot_outbox_rows: {
    type: 'gauge',
    help: 'Rows on disk, by class',
    samples: ({ status }) => labelled('class', status.outbox.held),
  },
  elderly_bot_outbox_oldest_seconds: {
    type: 'gauge',
    help: 'Age of the oldest row on disk, by class; absent for an empty class',
    samples: ({ status: { outbox } }) =>
      known(Object.entries(outbox.oldest_ms).map(([name, ms]) => [{ class: name }, ms === null ? null : seconds(ms)])),
  },
  elderly_bot_outbox_unconfirmed_rows: {
    type: 'gauge',
    help: 'Rows that the cloud has not confirmed',
    samples: ({ status }) => one(status.outbox.unconfirmed),
  },
  elderly_bot_rows_accepted_total: {
    type: 'counter',
    help: 'Rows written since this start',
    samples: ({ status }) => one(status.outbox.accepted),
  },
  elderly_bot_rows_acknowledged_total: {
    type: 'counter',
    help: 'Rows that the broker acknowledged since this start',
    samples: ({ status }) => one(status.delivered.acknowledged_rows),
  },
  elderly_bot_rows_delivered_total: {
    type: 'counter',
    help: 'Rows that the cloud confirmed to have in its database since this start',
    samples: ({ status }) => one(status.outbox.confirmed),
  },
  elderly_bot_rows_evicted_total: {
    type: 'counter',
    help: 'Rows evicted since this start, by reason; each is declared to the cloud',
    samples: ({ status }) => labelled('reason', status.outbox.evicted_by),
  },
  elderly_bot_rows_dropped_total: {
    type: 'counter',
    help: 'Readings dropped from memory because writing failed for too long',
    samples: ({ status }) => one(status.outbox.dropped),
  },
  elderly_bot_uploads_waiting: {
    type: 'gauge',
    help: 'Files that wait for their upload; absent if uploads are off',
    samples: ({ status }) => known([[{}, status.uploads?.waiting ?? null]]),
  },

  elderly_bot_alert_seconds: {
    type: 'histogram',
    help: 'Latency of alerts, by hop: stamp to callback, and callback to commit, PUBACK and receipt',
    samples: ({ status }) => Object.entries(status.alert_latency).map(([hop, histogram]) => [{ hop }, histogram] as const),
  },
  elderly_bot_puback_seconds: {
    type: 'histogram',
    help: 'Time from any publish to its acknowledgement by the broker',
    samples: ({ status }) => [[{}, status.delivered.ack_latency]],
  },
  elderly_bot_commit_seconds: {
    type: 'histogram',
    help: 'Duration of a transaction of the outbox, including its fsync',
    samples: ({ status }) => [[{}, status.wear.commits]],
  },
  elderly_bot_disk_free_bytes: {
    type: 'gauge',
    help: 'Free bytes on the disk of state_dir',
    samples: ({ status }) => known([[{}, status.disk.free_bytes]]),
  },
  elderly_bot_disk_free_files: {
    type: 'gauge',
    help: 'Free inodes on the disk of state_dir; absent if the file system does not count them',
    samples: ({ status }) => known([[{}, status.disk.free_files]]),
  },
  elderly_bot_disk_written_bytes_total: {
    type: 'counter',
    help: 'Bytes that the kernel wrote to disk for this process since its start',
    samples: ({ status }) => known([[{}, status.wear.written_bytes]]),
  },
  elderly_bot_disk_written_bytes_per_day: {
    type: 'gauge',
    help: 'The same per day; absent in the first ten minutes',
    samples: ({ status }) => known([[{}, status.wear.bytes_per_day]]),
  },
  elderly_bot_disk_years: {
    type: 'gauge',
    help: 'Years that health.disk_endurance lasts at that rate',
    samples: ({ status }) => known([[{}, status.wear.years]]),
  },

  elderly_bot_channel_up: {
    type: 'gauge',
    help: '1 while the channel’s topic has a publisher',
    samples: ({ status }) => status.channels.map(({ name, state }) => [{ channel: name }, flag(state === 'published')]),
  },
  elderly_bot_channel_messages_total: {
    type: 'counter',
    help: 'ROS messages received',
    samples: ({ status }) => status.channels.map(({ name, messages }) => [{ channel: name }, messages]),
  },
  elderly_bot_channel_readings_total: {
    type: 'counter',
    help: 'Readings made of these messages',
    samples: ({ status }) => status.channels.map(({ name, readings }) => [{ channel: name }, readings]),
  },
  elderly_bot_channel_dropped_total: {
    type: 'counter',
    help: 'ROS messages above max_rate, which were not processed',
    samples: ({ status }) => status.channels.map(({ name, dropped }) => [{ channel: name }, dropped]),
  },
  elderly_bot_channel_age_seconds: {
    type: 'gauge',
    help: 'Time since the last message; absent before the first',
    samples: ({ status }) => known(status.channels.map(({ name, age_ms: ms }) => [{ channel: name }, ms === null ? null : seconds(ms)])),
  },
  elderly_bot_channel_alert: {
    type: 'gauge',
    help: '1 while the channel’s alert stands',
    samples: ({ status }) => status.channels.map(({ name, alert }) => [{ channel: name }, flag(alert)]),
  },
  elderly_bot_channel_silent: {
    type: 'gauge',
    help: '1 while the channel is silent for longer than its max_silence',
    samples: ({ status }) => status.channels.map(({ name, silent }) => [{ channel: name }, flag(silent)]),
  },

  elderly_bot_commands_total: {
    type: 'counter',
    help: 'Commands since this start, by their final status',
    samples: ({ status }) => labelled('status', status.commands),
  },
  elderly_bot_command_seconds: {
    type: 'histogram',
    help: 'Time from the broker’s message to the ROS message',
    samples: ({ status }) => [[{}, status.command_latency]],
  },

  elderly_bot_loop_lag_seconds: {
    type: 'histogram',
    help: 'Delay of a one-second timer: how long the event loop was busy',
    samples: (facts) => [[{}, facts.process.loopLag]],
  },
  process_resident_memory_bytes: { type: 'gauge', help: 'Resident memory', samples: (facts) => one(facts.process.residentBytes) },
  process_cpu_seconds_total: { type: 'counter', help: 'CPU time', samples: (facts) => one(facts.process.cpuSeconds) },
  process_open_fds: { type: 'gauge', help: 'Open files and sockets', samples: (facts) => one(facts.process.openFiles) },
} as const satisfies Record<string, Metric>;

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Pure. */
export function exposition(facts: Facts): string {
  return Object.entries<Metric>(METRICS)
    .map(([name, { type, help, samples }]) => {
      const lines = samples(facts).flatMap(([labels, value]) =>
        typeof value === 'number' ? [line(name, labels, value)] : histogramLines(name, labels, value),
      );
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n');
    })
    .join('');
}

function histogramLines(name: string, labels: Labels, { count, sum_ms: sumMs, at_most_ms: buckets }: HistogramStatus): string[] {
  return [
    ...buckets.map(([limit, below]) => line(`${name}_bucket`, { ...labels, le: limit === null ? '+Inf' : String(seconds(limit)) }, below)),
    line(`${name}_sum`, labels, seconds(sumMs)),
    line(`${name}_count`, labels, count),
  ];
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
