// The status as Prometheus reads it (text format 0.0.4). The rooms count, for `status` and for this: a second set of counters in a
// metrics library would be another truth. One table; docs/metrics.md says what each is for, and a test compares the two.
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
  /** What only the process itself knows. */
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

/** A value that is not known yet is left out, not 0. */
const known = (samples: readonly (readonly [Labels, number | null])[]): readonly Sample[] =>
  samples.flatMap(([labels, value]) => (value === null ? [] : [[labels, value] as const]));

export const METRICS = {
  elderly_bot_info: {
    type: 'gauge',
    help: 'Always 1; which robot and version this is',
    samples: ({ status: { thing, version } }) => [[{ thing, version }, 1]],
  },
  elderly_bot_uptime_seconds: { type: 'gauge', help: 'Since this start', samples: ({ status }) => one(seconds(status.uptime_ms)) },
  elderly_bot_starts_total: { type: 'counter', help: 'Starts of the agent on this robot', samples: ({ status }) => one(status.boot) },
  elderly_bot_last_run_ended: {
    type: 'gauge',
    help: 'Always 1; why the run before this one ended',
    samples: ({ status: { last_run: last } }) => (last === null ? [] : [[{ cause: last.cause }, 1]]),
  },
  elderly_bot_clock_trusted: {
    type: 'gauge',
    help: '1 while the wall clock can be believed',
    samples: ({ status }) => one(flag(status.clock.trusted)),
  },
  elderly_bot_problem: {
    type: 'gauge',
    help: '1 for each problem that stands (docs/problems.md)',
    samples: ({ status }) => status.problems.map(({ code, severity, subject }) => [{ code, severity, subject }, 1]),
  },

  elderly_bot_link_up: {
    type: 'gauge',
    help: '1 while the broker is connected',
    samples: ({ status }) => one(flag(status.link.state === 'connected')),
  },
  elderly_bot_connects_total: {
    type: 'counter',
    help: 'Connections made since this start; all but the first are reconnects',
    samples: ({ status }) => one(status.link.connects),
  },
  elderly_bot_connect_failures: {
    type: 'gauge',
    help: 'Failed tries in a row',
    samples: ({ status }) => one(status.link.failures_in_a_row),
  },
  elderly_bot_budget_messages: {
    type: 'gauge',
    help: 'Metered messages of this month: spent, forecast, and the limit where one is set',
    samples: ({ status: { budget } }) =>
      known([
        [{ kind: 'spent' }, budget.spent],
        [{ kind: 'forecast' }, budget.forecast],
        [{ kind: 'limit' }, budget.budget],
      ]),
  },
  elderly_bot_telemetry_interval_seconds: {
    type: 'gauge',
    help: 'How long telemetry waits now, stretched where the budget is overspent',
    samples: ({ status }) => one(seconds(status.budget.interval_ms)),
  },

  elderly_bot_outbox_rows: {
    type: 'gauge',
    help: 'Rows held on disk, by class',
    samples: ({ status }) => labelled('class', status.outbox.held),
  },
  elderly_bot_outbox_oldest_seconds: {
    type: 'gauge',
    help: 'Age of the oldest row that is held, by class; none where none is held',
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
    help: 'Rows the broker acknowledged since this start',
    samples: ({ status }) => one(status.delivered.acknowledged_rows),
  },
  elderly_bot_rows_delivered_total: {
    type: 'counter',
    help: 'Rows the cloud confirmed to have in its database, since this start',
    samples: ({ status }) => one(status.outbox.confirmed),
  },
  elderly_bot_rows_evicted_total: {
    type: 'counter',
    help: 'Rows given up since this start, by reason; the cloud was told of each',
    samples: ({ status }) => labelled('reason', status.outbox.evicted_by),
  },
  elderly_bot_rows_dropped_total: {
    type: 'counter',
    help: 'Readings dropped from memory, because nothing could be written for too long',
    samples: ({ status }) => one(status.outbox.dropped),
  },
  elderly_bot_uploads_waiting: {
    type: 'gauge',
    help: 'Files that wait for their upload; none where nothing is uploaded',
    samples: ({ status }) => known([[{}, status.uploads?.waiting ?? null]]),
  },

  elderly_bot_alert_seconds: {
    type: 'histogram',
    help: 'An alert’s way, by hop: stamp to callback, callback to commit, to PUBACK, to receipt',
    samples: ({ status }) => Object.entries(status.alert_latency).map(([hop, histogram]) => [{ hop }, histogram] as const),
  },
  elderly_bot_puback_seconds: {
    type: 'histogram',
    help: 'From a publish to the broker’s acknowledgement, any message',
    samples: ({ status }) => [[{}, status.delivered.ack_latency]],
  },
  elderly_bot_commit_seconds: {
    type: 'histogram',
    help: 'A transaction of the outbox, which ends with an fsync',
    samples: ({ status }) => [[{}, status.wear.commits]],
  },
  elderly_bot_disk_free_bytes: {
    type: 'gauge',
    help: 'Free on the disk of state_dir',
    samples: ({ status }) => known([[{}, status.disk.free_bytes]]),
  },
  elderly_bot_disk_free_files: {
    type: 'gauge',
    help: 'Files that can still be made there (inodes); none where the file system does not say',
    samples: ({ status }) => known([[{}, status.disk.free_files]]),
  },
  elderly_bot_disk_written_bytes_total: {
    type: 'counter',
    help: 'What this process made the kernel write to disk, since its start',
    samples: ({ status }) => known([[{}, status.wear.written_bytes]]),
  },
  elderly_bot_disk_written_bytes_per_day: {
    type: 'gauge',
    help: 'The same as a day of it',
    samples: ({ status }) => known([[{}, status.wear.bytes_per_day]]),
  },
  elderly_bot_disk_years: {
    type: 'gauge',
    help: 'How long health.disk_endurance lasts at that rate',
    samples: ({ status }) => known([[{}, status.wear.years]]),
  },

  elderly_bot_channel_up: {
    type: 'gauge',
    help: '1 while somebody publishes the channel’s topic',
    samples: ({ status }) => status.channels.map(({ name, state }) => [{ channel: name }, flag(state === 'published')]),
  },
  elderly_bot_channel_messages_total: {
    type: 'counter',
    help: 'ROS messages taken',
    samples: ({ status }) => status.channels.map(({ name, messages }) => [{ channel: name }, messages]),
  },
  elderly_bot_channel_readings_total: {
    type: 'counter',
    help: 'Readings made of them',
    samples: ({ status }) => status.channels.map(({ name, readings }) => [{ channel: name }, readings]),
  },
  elderly_bot_channel_dropped_total: {
    type: 'counter',
    help: 'ROS messages beyond max_rate, not looked at',
    samples: ({ status }) => status.channels.map(({ name, dropped }) => [{ channel: name }, dropped]),
  },
  elderly_bot_channel_age_seconds: {
    type: 'gauge',
    help: 'Since the last message; none before the first',
    samples: ({ status }) => known(status.channels.map(({ name, age_ms: ms }) => [{ channel: name }, ms === null ? null : seconds(ms)])),
  },
  elderly_bot_channel_alert: {
    type: 'gauge',
    help: '1 while its alert stands',
    samples: ({ status }) => status.channels.map(({ name, alert }) => [{ channel: name }, flag(alert)]),
  },
  elderly_bot_channel_silent: {
    type: 'gauge',
    help: '1 while it is silent for longer than its max_silence',
    samples: ({ status }) => status.channels.map(({ name, silent }) => [{ channel: name }, flag(silent)]),
  },

  elderly_bot_commands_total: {
    type: 'counter',
    help: 'Commands since this start, by what became of them',
    samples: ({ status }) => labelled('status', status.commands),
  },
  elderly_bot_command_seconds: {
    type: 'histogram',
    help: 'From the broker’s message to the ROS message',
    samples: ({ status }) => [[{}, status.command_latency]],
  },

  elderly_bot_loop_lag_seconds: {
    type: 'histogram',
    help: 'How late a timer of one second rings: how long the event loop was busy',
    samples: (facts) => [[{}, facts.process.loopLag]],
  },
  process_resident_memory_bytes: { type: 'gauge', help: 'Memory', samples: (facts) => one(facts.process.residentBytes) },
  process_cpu_seconds_total: { type: 'counter', help: 'Processor time', samples: (facts) => one(facts.process.cpuSeconds) },
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
  const text = Object.entries(labels).map(([label, of]) => `${label}="${escaped(of)}"`);
  return `${name}${text.length > 0 ? `{${text.join(',')}}` : ''} ${value}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
